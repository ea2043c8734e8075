// SPDX-License-Identifier: MIT
//
// Watches a listening socket on an environment's own loop, and does not while the process has no
// descriptor left for what waits there: a connection that is not taken keeps the socket readable.
// Called by: node_entry, served_service_entry.

#ifndef VMBUS_BINDING_LISTEN_WATCH_H_
#define VMBUS_BINDING_LISTEN_WATCH_H_

#include <functional>

#include "poll_watch.h"

namespace vmbus::binding {

class EnvState;

class ListenWatch {
 public:
  // Called when a connection waits. May destroy this watch.
  using Handler = std::function<void()>;

  // 0 or a positive errno.
  [[nodiscard]] int Start(EnvState& state, int fd, Handler handler);
  void Stop();
  // Whether it keeps the loop alive (it does from the start).
  void Keep(bool keep);
  // Looks again after a while. Whoever waits has a patience of their own.
  void Pause();

 private:
  [[nodiscard]] int Watch();

  EnvState* state_ = nullptr;
  int fd_ = -1;
  Handler handler_;
  bool kept_ = true;
  PollWatch connections_;
  TimerWatch later_;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_LISTEN_WATCH_H_
