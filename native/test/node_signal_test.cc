// SPDX-License-Identifier: MIT
//
// Signals by the node that are held back: given late, once for many, or never. The node is one end
// of a socket pair, the folder of channels an ordinary one.
// Run by: test/process/native-os.test.ts.

#include "../os/node_signal.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "check.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using vmbus::os::LinkState;
using vmbus::os::NodeSignal;
using vmbus::os::UniqueFd;

constexpr int kPrimary = 5;
constexpr int kPageBytes = 65536;

// A device's channels, and the node that a signal is written to.
class World {
 public:
  World() {
    Check(mkdtemp(folder_.data()) != nullptr, "mkdtemp");
    int pair[2] = {-1, -1};
    Check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0, "socketpair");
    node_ = UniqueFd(pair[0]);
    host_ = UniqueFd(pair[1]);
  }
  ~World() { static_cast<void>(std::system(("rm -r " + folder_).c_str())); }

  std::shared_ptr<NodeSignal> Make(NodeSignal::Clock::duration patience) {
    return NodeSignal::Make(node_.get(), link_, folder_, kPrimary, patience).Take();
  }
  void Offer(int relid) { mkdir(Path(relid).c_str(), 0700); }
  void Open(int relid) { std::ofstream(Path(relid) + "/ring") << std::string(kPageBytes, '\0'); }
  void Withdraw(int relid) { rmdir(Path(relid).c_str()); }

  uint64_t written() const { return link_->doorbell_writes.load(); }
  int Heard() {
    int32_t value = 0;
    int count = 0;
    while (read(host_.get(), &value, sizeof(value)) == sizeof(value)) count += value;
    return count;
  }

 private:
  std::string Path(int relid) const { return folder_ + "/" + std::to_string(relid); }

  std::string folder_ = "/tmp/vmbus-test-XXXXXX";
  UniqueFd node_;
  UniqueFd host_;
  std::shared_ptr<LinkState> link_ = std::make_shared<LinkState>();
};

void WaitForTimer(const NodeSignal& signal) {
  pollfd entry{signal.timer_fd(), POLLIN, 0};
  CheckEqual(poll(&entry, 1, 60'000), 1, "the timer of what is owed");
}

bool IsTimerSilent(const NodeSignal& signal) {
  pollfd entry{signal.timer_fd(), POLLIN, 0};
  return poll(&entry, 1, 0) == 0;
}

void ManyOwedAreGivenOnce() {
  World world;
  const auto signal = world.Make(NodeSignal::kPatience);
  world.Offer(6);
  for (int i = 0; i < 3; ++i) signal->Give();
  CheckEqual(world.Heard(), 0, "held back");
  WaitForTimer(*signal);
  CheckEqual(signal->GiveOwed(), true, "within the patience");
  CheckEqual(world.Heard(), 0, "still held back");

  world.Open(6);
  WaitForTimer(*signal);
  CheckEqual(signal->GiveOwed(), true, "given");

  CheckEqual(world.Heard(), 1, "signals");
  Check(IsTimerSilent(*signal), "nothing is owed any more");
}

void NextSignalPaysTheDebt() {
  World world;
  const auto signal = world.Make(NodeSignal::kPatience);
  world.Offer(6);
  signal->Give();
  world.Withdraw(6);

  signal->Give();
  CheckEqual(world.Heard(), 1, "signals");
  WaitForTimer(*signal);
  CheckEqual(signal->GiveOwed(), true, "nothing owed");

  CheckEqual(world.Heard(), 0, "no second one");
}

void PatienceEnds() {
  World world;
  const auto signal = world.Make(std::chrono::seconds(0));
  world.Offer(6);
  signal->Give();
  WaitForTimer(*signal);

  CheckEqual(signal->GiveOwed(), false, "over");

  Check(IsTimerSilent(*signal), "no timer after that");
  signal->Give();
  CheckEqual(world.Heard(), 0, "never written");
  CheckEqual(world.written(), uint64_t{0}, "not counted");
}

void NoFolderHoldsNothingBack() {
  World world;
  auto link = std::make_shared<LinkState>();
  int pair[2] = {-1, -1};
  Check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "socketpair");
  const UniqueFd node(pair[0]);
  const UniqueFd host(pair[1]);
  for (const char* folder : {"", "/nowhere/channels"}) {
    const auto signal = NodeSignal::Make(node.get(), link, folder, kPrimary).Take();
    signal->Give();
    CheckEqual(signal->timer_fd(), -1, "timer");
  }
  CheckEqual(link->doorbell_writes.load(), uint64_t{2}, "written");
}

}  // namespace

int main() {
  Test("what is owed is given when the subchannel is open, once for many", ManyOwedAreGivenOnce);
  Test("the next signal pays what is owed", NextSignalPaysTheDebt);
  Test("a subchannel that stays closed ends the patience, and nothing is written", PatienceEnds);
  Test("a device without a folder of channels holds nothing back", NoFolderHoldsNothingBack);
  return Summary();
}
