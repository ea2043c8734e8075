// SPDX-License-Identifier: MIT
//
// An open uevent socket of one environment.
// Called by: system_functions. Calls: os/uevent_socket.

#ifndef VMBUS_BINDING_UEVENT_ENTRY_H_
#define VMBUS_BINDING_UEVENT_ENTRY_H_

#include <array>
#include <cstddef>
#include <memory>

#include "../os/uevent_socket.h"
#include "../os/unique_fd.h"
#include "js_call.h"
#include "poll_watch.h"

namespace vmbus::binding {

class EnvState;

class UeventEntry : public std::enable_shared_from_this<UeventEntry> {
 public:
  UeventEntry(EnvState& state, os::UniqueFd fd, JsCallback on_message);

  // 0 or an errno.
  [[nodiscard]] int Watch();
  void Close();

 private:
  void OnReadable();

  EnvState& state_;
  os::UniqueFd fd_;
  JsCallback on_message_;
  bool closed_ = false;
  std::array<std::byte, os::kMaxUeventBytes> buffer_;
  PollWatch watch_;  // goes before the descriptor
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_UEVENT_ENTRY_H_
