// SPDX-License-Identifier: MIT
//
// Uevent sockets of an environment; see uevent_entry.h.

#include "uevent_entry.h"

#include <span>
#include <utility>

#include "env_state.h"

namespace vmbus::binding {

namespace {

constexpr int kMaxMessages = 64;  // in one turn of the loop

}  // namespace

UeventEntry::UeventEntry(EnvState& state, os::UniqueFd fd, JsCallback on_message)
    : state_(state), fd_(std::move(fd)), on_message_(std::move(on_message)) {}

int UeventEntry::Watch() {
  return watch_.Start(state_, fd_.get(), [this](bool readable) {
    const auto self = shared_from_this();
    OnReadable();
    // An overflow is an error of the socket, which ends the polling; reading cleared it.
    if (readable || closed_) return;
    watch_ = PollWatch();
    if (Watch() != 0) Close();
  });
}

void UeventEntry::Close() {
  closed_ = true;
  watch_.Stop();
  fd_.Close();
}

void UeventEntry::OnReadable() {
  for (int i = 0; i < kMaxMessages && !closed_; ++i) {
    const os::UeventMessage message = os::ReadUevent(fd_.get(), buffer_);
    switch (message.what) {
      case os::UeventRead::kNothing:
        return;
      case os::UeventRead::kForeign:
        break;
      case os::UeventRead::kLost:
        on_message_.CallWithBytes(state_, {});
        break;
      case os::UeventRead::kBroken:
        return Close();
      case os::UeventRead::kMessage:
        on_message_.CallWithBytes(state_, std::span(buffer_).first(message.bytes));
        break;
    }
  }
}

}  // namespace vmbus::binding
