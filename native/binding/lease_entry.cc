// SPDX-License-Identifier: MIT
//
// Leases of an environment; see lease_entry.h.

#include "lease_entry.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "../os/sigbus_guard.h"
#include "blocking_work.h"
#include "env_state.h"

namespace vmbus::binding {

namespace {

// Wakes of a simulated node queue up, a device counts them: both become one call.
constexpr int kMaxReads = 64;

enum class NodeRead { kWake, kNothing, kGone };

NodeRead ReadWake(int fd) {
  uint32_t counter = 0;
  const ssize_t count = read(fd, &counter, sizeof(counter));
  if (count == sizeof(counter)) return NodeRead::kWake;
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return NodeRead::kNothing;
  return NodeRead::kGone;  // EIO: rescinded. 0: the simulated host closed. Anything else: not a
                           // node any more
}

// Closes a lease, or lets go of one. The last close of a device waits for the host.
class CloseWork final : public BlockingWork {
 public:
  CloseWork(std::shared_ptr<os::Lease> lease, std::unique_ptr<os::Attachment> attachment, bool owns,
            int64_t done)
      : lease_(std::move(lease)), attachment_(std::move(attachment)), owns_(owns), done_(done) {}

  void Work() override {
    attachment_.reset();
    if (owns_) error_ = lease_->Close();
    lease_.reset();
  }
  // Without a thread it blocks the loop, but it happens.
  void Refuse(int) override { Work(); }
  void Finish(EnvState& state) override {
    state.TakePending(done_).Call(state, {static_cast<double>(error_)});
  }

 private:
  std::shared_ptr<os::Lease> lease_;
  std::unique_ptr<os::Attachment> attachment_;
  bool owns_;
  int64_t done_;
  int error_ = 0;
};

}  // namespace

LeaseEntry::LeaseEntry(EnvState& state, std::shared_ptr<os::Lease> lease,
                       std::unique_ptr<os::Attachment> attachment, JsCallback on_event)
    : state_(state),
      lease_(std::move(lease)),
      attachment_(std::move(attachment)),
      owns_(attachment_ == nullptr),
      on_event_(std::move(on_event)) {}

LeaseEntry::~LeaseEntry() = default;

int LeaseEntry::Watch() {
  const int fd = owns_ ? lease_->node_fd() : attachment_->node_fd();
  const int error = watch_.Start(state_, fd, [this](bool readable) { OnReadable(readable); });
  const int timer = lease_->signal().timer_fd();
  if (error != 0 || !owns_ || timer < 0) return error;
  const int timer_error = owed_.Start(state_, timer, [this](bool) { OnSignalOwed(); });
  owed_.Keep(false);
  return timer_error;
}

void LeaseEntry::OnReadable(bool readable) {
  const auto self = shared_from_this();
  if (!readable) return OnGone();
  const int fd = owns_ ? lease_->node_fd() : attachment_->node_fd();
  const int tries = lease_->facts().kind == os::NodeKind::kSimulated ? kMaxReads : 1;
  int wakes = 0;
  NodeRead read = NodeRead::kWake;
  while (wakes < tries && (read = ReadWake(fd)) == NodeRead::kWake) ++wakes;
  // Wakes first: the script may still take what came before the end, which shows again in the next
  // turn.
  if (wakes > 0) {
    lease_->link().wakes.fetch_add(static_cast<uint64_t>(wakes), std::memory_order_relaxed);
    lease_->SettleMasks();
    os::KeepSigbusGuard();
    return on_event_.Call(state_, {static_cast<double>(LeaseEvent::kWake)});
  }
  if (read == NodeRead::kGone) OnGone();
}

void LeaseEntry::OnSignalOwed() {
  const auto self = shared_from_this();
  const bool hopeful = lease_->signal().GiveOwed();
  lease_->SettleMasks();
  if (hopeful) return;
  owed_.Stop();
  on_event_.Call(state_, {static_cast<double>(LeaseEvent::kUnsignalled)});
}

void LeaseEntry::OnGone() {
  lease_->link().rescinded.store(true, std::memory_order_release);
  watch_.Stop();
  owed_.Stop();
  on_event_.Call(state_, {static_cast<double>(LeaseEvent::kRescinded)});
}

void LeaseEntry::OnOwnerClosed() {
  if (attachment_ == nullptr) return;
  const auto self = shared_from_this();
  watch_.Stop();
  state_.DropChannelsOf(this);
  StartWork(state_, std::make_unique<CloseWork>(lease_, std::move(attachment_), false, 0),
            Duty::kFinish);
  on_event_.Call(state_, {static_cast<double>(LeaseEvent::kOwnerClosed)});
}

void LeaseEntry::Close(JsCallback done) {
  watch_.Stop();
  owed_.Stop();
  state_.DropChannelsOf(this);
  const int64_t number = state_.KeepPending(std::move(done));
  StartWork(state_,
            std::make_unique<CloseWork>(std::move(lease_), std::move(attachment_), owns_, number),
            Duty::kFinish);
}

}  // namespace vmbus::binding
