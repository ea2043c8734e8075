// SPDX-License-Identifier: MIT
//
// A served service device of one environment: tells the script of its opener and of every message.
// Called by: service_functions. Calls: os/service_server.

#ifndef VMBUS_BINDING_SERVED_SERVICE_ENTRY_H_
#define VMBUS_BINDING_SERVED_SERVICE_ENTRY_H_

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "../os/service_server.h"
#include "js_call.h"
#include "listen_watch.h"
#include "poll_watch.h"

namespace vmbus::binding {

class EnvState;

class ServedServiceEntry : public std::enable_shared_from_this<ServedServiceEntry> {
 public:
  // `on_opened` gets 1 when somebody opened it and 0 when it was closed.
  ServedServiceEntry(EnvState& state, os::ServiceServer server, JsCallback on_opened,
                     JsCallback on_message);

  // 0 or an errno.
  [[nodiscard]] int Watch();
  int Send(std::span<const std::byte> message) { return server_.Send(message); }
  void Keep(bool keep);
  // Ends it for its opener too: no call follows.
  void Close();

 private:
  void OnConnect();
  void HearOut();
  // Whether more may wait.
  bool OnReadable();
  void OnGone();

  EnvState& state_;
  os::ServiceServer server_;
  JsCallback on_opened_;
  JsCallback on_message_;
  bool closed_ = false;
  bool kept_ = true;
  std::array<std::byte, os::kMaxServiceBytes> buffer_;
  ListenWatch listener_;
  PollWatch opener_;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_SERVED_SERVICE_ENTRY_H_
