// SPDX-License-Identifier: MIT
//
// Service devices of an environment; see service_entry.h.

#include "service_entry.h"

#include <cerrno>
#include <utility>

#include "env_state.h"

namespace vmbus::binding {

ServiceEntry::ServiceEntry(EnvState& state, os::UniqueFd fd, JsCallback on_message)
    : state_(state), fd_(std::move(fd)), on_message_(std::move(on_message)) {}

int ServiceEntry::Watch() {
  return watch_.Start(state_, fd_.get(), [this](bool readable) { OnReadable(readable); });
}

int ServiceEntry::Write(std::span<const std::byte> message) const {
  return closed_ ? EBADF : os::WriteService(fd_.get(), message);
}

void ServiceEntry::Close() {
  closed_ = true;
  watch_.Stop();
  fd_.Close();
}

void ServiceEntry::OnReadable(bool readable) {
  const auto self = shared_from_this();
  const os::ServiceMessage message = os::ReadService(fd_.get(), buffer_);
  if (message.what == os::ServiceRead::kMessage) {
    on_message_.CallWithBytes(state_, std::span(buffer_).first(message.bytes));
  }
  // A broken descriptor is not polled any more, and the kernel waits until it is closed.
  if (closed_ || (readable && message.what != os::ServiceRead::kGone)) return;
  Close();
  on_message_.CallWithBytes(state_, {});
}

}  // namespace vmbus::binding
