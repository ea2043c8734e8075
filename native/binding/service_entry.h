// SPDX-License-Identifier: MIT
//
// An open service device of one environment: each message is one call with its bytes; no bytes: the
// service is off, and the device is closed already.
// Called by: service_functions. Calls: os/service_device.

#ifndef VMBUS_BINDING_SERVICE_ENTRY_H_
#define VMBUS_BINDING_SERVICE_ENTRY_H_

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "../os/service_device.h"
#include "../os/unique_fd.h"
#include "js_call.h"
#include "poll_watch.h"

namespace vmbus::binding {

class EnvState;

class ServiceEntry : public std::enable_shared_from_this<ServiceEntry> {
 public:
  ServiceEntry(EnvState& state, os::UniqueFd fd, JsCallback on_message);

  // 0 or an errno.
  [[nodiscard]] int Watch();
  // 0 or an errno; EBADF when it is closed.
  int Write(std::span<const std::byte> message) const;
  void Keep(bool keep) { watch_.Keep(keep); }
  void Close();

 private:
  // Not readable: broken.
  void OnReadable(bool readable);

  EnvState& state_;
  os::UniqueFd fd_;
  JsCallback on_message_;
  bool closed_ = false;
  std::array<std::byte, os::kMaxServiceBytes> buffer_;
  PollWatch watch_;  // goes before the descriptor
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_SERVICE_ENTRY_H_
