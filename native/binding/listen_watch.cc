// SPDX-License-Identifier: MIT
//
// Listening sockets; see listen_watch.h.

#include "listen_watch.h"

#include <cstdint>
#include <utility>

namespace vmbus::binding {

namespace {

constexpr uint64_t kPauseMs = 50;

}  // namespace

int ListenWatch::Start(EnvState& state, int fd, Handler handler) {
  state_ = &state;
  fd_ = fd;
  handler_ = std::move(handler);
  return Watch();
}

void ListenWatch::Stop() {
  connections_.Stop();
  later_.Stop();
}

void ListenWatch::Keep(bool keep) {
  kept_ = keep;
  connections_.Keep(keep);
  later_.Keep(keep);
}

void ListenWatch::Pause() {
  connections_.Stop();
  later_.Start(*state_, kPauseMs, [this] {
    // Without a handle of libuv's either: the next tick tries again.
    if (Watch() == 0) later_.Stop();
  });
  later_.Keep(kept_);
}

int ListenWatch::Watch() {
  const int error = connections_.Start(*state_, fd_, [this](bool) {
    // A copy: the call may end this watch, and with it what it was made of.
    const Handler handler = handler_;
    handler();
  });
  connections_.Keep(kept_);
  return error;
}

}  // namespace vmbus::binding
