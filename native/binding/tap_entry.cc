// SPDX-License-Identifier: MIT
//
// TAP interfaces of an environment; see tap_entry.h.

#include "tap_entry.h"

#include "env_state.h"

namespace vmbus::binding {

int TapEntry::Watch() {
  return watch_.Start(state_, tap_.fd(), [this](bool readable) {
    const auto self = shared_from_this();
    watch_.Pause();
    on_ready_.Call(state_, {readable ? 1.0 : 0.0});
  });
}

}  // namespace vmbus::binding
