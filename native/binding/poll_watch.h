// SPDX-License-Identifier: MIT
//
// Watches a descriptor for reading on an environment's own loop, and a timer of the same make.
// Called by: the entries of descriptors, system_functions. Level-triggered: the handler consumes
// what made it readable. The descriptor may be closed as soon as the watch is gone. Source: libuv
// documentation of uv_poll_t; POLLERR arrives once, as UV_EBADF, and ends the polling.

#ifndef VMBUS_BINDING_POLL_WATCH_H_
#define VMBUS_BINDING_POLL_WATCH_H_

#include <uv.h>

#include <cstdint>
#include <functional>
#include <utility>

namespace vmbus::binding {

class EnvState;

class PollWatch {
 public:
  // False: the descriptor is broken, no call follows. The handler may destroy this watch.
  using Handler = std::function<void(bool readable)>;

  PollWatch() = default;
  PollWatch(PollWatch&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}
  PollWatch& operator=(PollWatch&& other) noexcept {
    std::swap(impl_, other.impl_);
    return *this;
  }
  PollWatch(const PollWatch&) = delete;
  PollWatch& operator=(const PollWatch&) = delete;
  ~PollWatch() { Stop(); }

  // 0 or a positive errno.
  [[nodiscard]] int Start(EnvState& state, int fd, Handler handler);
  void Stop();
  // No calls until it goes on.
  void Pause();
  void Resume();
  // Whether it keeps the loop alive (it does from the start).
  void Keep(bool keep);

 private:
  struct Impl;
  Impl* impl_ = nullptr;
};

// Calls every so many milliseconds; does not keep the loop alive unless told to.
class TimerWatch {
 public:
  TimerWatch() = default;
  TimerWatch(const TimerWatch&) = delete;
  TimerWatch& operator=(const TimerWatch&) = delete;
  ~TimerWatch() { Stop(); }

  void Start(EnvState& state, uint64_t every_ms, std::function<void()> handler);
  void Stop();
  void Keep(bool keep);

 private:
  struct Impl;
  Impl* impl_ = nullptr;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_POLL_WATCH_H_
