// SPDX-License-Identifier: MIT
//
// Signals by the node; see node_signal.h.

#include "node_signal.h"

#include <fcntl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace vmbus::os {

namespace {

constexpr std::chrono::milliseconds kRetryEvery{2};

}  // namespace

Result<std::shared_ptr<NodeSignal>> NodeSignal::Make(int node_fd, std::shared_ptr<LinkState> link,
                                                     const std::string& channels, int primary_relid,
                                                     Clock::duration patience) {
  std::shared_ptr<NodeSignal> signal(new NodeSignal(node_fd, std::move(link), patience));
  if (channels.empty()) return signal;
  UniqueFd folder(open(channels.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() && errno == ENOENT) return signal;
  if (!folder.valid()) return LastErrno();
  signal->timer_ = UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!signal->timer_.valid()) return LastErrno();
  signal->offered_.emplace(std::move(folder), primary_relid);
  return signal;
}

void NodeSignal::Give() {
  if (!offered_) return Write();
  const std::lock_guard lock(mutex_);
  if (!offered_->AreOpen()) return Owe();
  // One write tells of all channels: whatever was owed is given with it.
  owed_since_.reset();
  Write();
}

void NodeSignal::Write() {
  const int32_t on = 1;
  // A full socket of a simulated node has a doorbell pending already, and a broken node shows in
  // its poll: nothing to do about an error here.
  if (write(node_fd_, &on, sizeof(on)) == sizeof(on)) {
    link_->doorbell_writes.fetch_add(1, std::memory_order_relaxed);
  }
}

void NodeSignal::Owe() {
  if (owed_since_) return;
  owed_since_ = Clock::now();
  SetTimer(kRetryEvery);
}

bool NodeSignal::GiveOwed() {
  const std::lock_guard lock(mutex_);
  uint64_t ticks = 0;
  static_cast<void>(read(timer_.get(), &ticks, sizeof(ticks)));
  if (owed_since_ && !offered_->AreOpen()) {
    if (Clock::now() - *owed_since_ < patience_) return true;
    SetTimer(std::chrono::milliseconds(0));
    return false;
  }
  SetTimer(std::chrono::milliseconds(0));
  if (!std::exchange(owed_since_, std::nullopt)) return true;
  Write();
  return true;
}

void NodeSignal::SetTimer(std::chrono::milliseconds every) {
  const timespec time{0, std::chrono::nanoseconds(every).count()};
  const itimerspec timer{time, time};
  timerfd_settime(timer_.get(), 0, &timer, nullptr);
}

}  // namespace vmbus::os
