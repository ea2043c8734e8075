// SPDX-License-Identifier: MIT
//
// Round trips of 64 bytes to an echo device, one packet outstanding, without Node: opens the node,
// writes a packet, waits in poll(2) for the wake and drains the answer. What the same round trip
// costs from JavaScript is compared with this. Run by the bench (roundtrip.mjs):
//   echo_client NODE RELID COUNT BUSY_US
// BUSY_US: how long to look at the ring before waiting. Prints the median and 90 and 99 % of the
// times in microseconds, and round trips per second, as one JSON object.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "../os/lease.h"

namespace {

using namespace vmbus;  // NOLINT: a program
using Clock = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

class EchoClient {
 public:
  EchoClient(std::shared_ptr<os::Lease> lease, Micros busy)
      : lease_(std::move(lease)), channel_(lease_->Primary()), busy_(busy) {}

  // False when the device is gone.
  bool RoundTrip() {
    if (channel_->Write({6, 0, 2, 1, payload_}) != 0) return false;
    const auto start = Clock::now();
    int32_t count = channel_->Drain(arena_, index_, 256);
    while (count == 0 && Clock::now() - start < busy_) count = channel_->Drain(arena_, index_, 256);
    while (count == 0 && AwaitWake()) count = channel_->Drain(arena_, index_, 256);
    return count == 1;
  }

 private:
  bool AwaitWake() {
    pollfd node{lease_->node_fd(), POLLIN, 0};
    uint32_t counter = 0;
    if (poll(&node, 1, 10'000) <= 0) return false;
    if (read(node.fd, &counter, sizeof(counter)) != sizeof(counter)) return false;
    lease_->link().wakes.fetch_add(1, std::memory_order_relaxed);
    lease_->SettleMasks();
    return true;
  }

  std::shared_ptr<os::Lease> lease_;
  std::shared_ptr<os::Channel> channel_;
  Micros busy_;
  std::vector<std::byte> payload_ = std::vector<std::byte>(64);
  std::vector<std::byte> arena_ = std::vector<std::byte>(32768);
  std::vector<int32_t> index_ = std::vector<int32_t>(256 * core::kIndexRowWords);
};

double At(const std::vector<double>& sorted, double part) {
  const auto place = static_cast<size_t>(static_cast<double>(sorted.size()) * part);
  return sorted[std::min(place, sorted.size() - 1)];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  os::OpenPlan plan;
  plan.path = argv[1];
  plan.relid = std::atoi(argv[2]);
  const int count = std::max(1, std::atoi(argv[3]));
  os::LeaseResult opened = os::Lease::Open(plan);
  if (const auto* failure = std::get_if<os::OpenFailure>(&opened)) {
    std::fprintf(stderr, "open: error %d in stage %d\n", failure->error,
                 static_cast<int>(failure->stage));
    return 1;
  }
  const auto lease = *std::get_if<std::shared_ptr<os::Lease>>(&opened);
  EchoClient client(lease, Micros(std::atof(argv[4])));
  std::vector<double> times;
  times.reserve(static_cast<size_t>(count));
  const auto started = Clock::now();
  for (int i = 0; i < count; i++) {
    const auto start = Clock::now();
    if (!client.RoundTrip()) return 1;
    times.push_back(Micros(Clock::now() - start).count());
  }
  const std::chrono::duration<double> all = Clock::now() - started;
  std::sort(times.begin(), times.end());
  std::printf("{\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"rate\":%.0f}\n", At(times, 0.5),
              At(times, 0.9), At(times, 0.99), count / all.count());
  return lease->Close();
}
