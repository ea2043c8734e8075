// SPDX-License-Identifier: MIT
//
// A TAP interface of one environment. Each call of `on_ready` says once that there are frames, or
// that the interface is gone; the next comes when it is asked for.
// Called by: tap_functions. Calls: os/tap_interface.

#ifndef VMBUS_BINDING_TAP_ENTRY_H_
#define VMBUS_BINDING_TAP_ENTRY_H_

#include <memory>
#include <utility>

#include "../os/tap_interface.h"
#include "js_call.h"
#include "poll_watch.h"

namespace vmbus::binding {

class EnvState;

class TapEntry : public std::enable_shared_from_this<TapEntry> {
 public:
  TapEntry(EnvState& state, os::TapInterface tap, JsCallback on_ready)
      : state_(state), tap_(std::move(tap)), on_ready_(std::move(on_ready)) {}

  // 0 or an errno.
  [[nodiscard]] int Watch();
  void Await() { watch_.Resume(); }
  // Takes the interface away when the last owner lets go of this.
  void Close() { watch_.Stop(); }

  os::TapInterface& tap() { return tap_; }

 private:
  EnvState& state_;
  os::TapInterface tap_;
  JsCallback on_ready_;
  PollWatch watch_;  // goes before the descriptor
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_TAP_ENTRY_H_
