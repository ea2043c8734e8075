// SPDX-License-Identifier: MIT
//
// Served service devices; see served_service_entry.h.
// Every call into the script may close the entry: `closed_` is looked at after each.

#include "served_service_entry.h"

#include <cerrno>
#include <utility>

#include "env_state.h"

namespace vmbus::binding {

namespace {

constexpr uint64_t kAcceptPauseMs = 50;
constexpr int kMaxAccepts = 16;  // in one turn of the loop
// More than a socket holds.
constexpr int kMaxLastWords = 1024;

}  // namespace

ServedServiceEntry::ServedServiceEntry(EnvState& state, os::ServiceServer server,
                                       JsCallback on_opened, JsCallback on_message)
    : state_(state),
      server_(std::move(server)),
      on_opened_(std::move(on_opened)),
      on_message_(std::move(on_message)) {}

int ServedServiceEntry::Watch() {
  return listener_.Start(state_, server_.listening_fd(), [this](bool) { OnConnect(); });
}

void ServedServiceEntry::Keep(bool keep) {
  kept_ = keep;
  listener_.Keep(keep);
  accept_later_.Keep(keep);
  opener_.Keep(keep);
}

void ServedServiceEntry::Close() {
  if (std::exchange(closed_, true)) return;
  listener_.Stop();
  accept_later_.Stop();
  opener_.Stop();
  server_.Close();
}

void ServedServiceEntry::OnConnect() {
  const auto self = shared_from_this();
  for (int i = 0; i < kMaxAccepts && !closed_; ++i) {
    HearOut();
    if (closed_) return;
    const int error = server_.Accept();
    if (error == EAGAIN) return;
    if (error == EBUSY || error == ECONNABORTED) continue;
    if (error != 0) return AcceptLater();
    if (opener_.Start(state_, server_.opener_fd(), [this](bool) {
          const auto alive = shared_from_this();
          OnReadable();
        }) != 0) {
      server_.DropOpener();
      continue;
    }
    opener_.Keep(kept_);
    on_opened_.Call(state_, {1});
  }
}

// Who closed and opened again has closed first, in whatever order poll tells of it.
void ServedServiceEntry::HearOut() {
  for (int i = 0; i < kMaxLastWords && !closed_ && server_.opener_fd() >= 0; ++i) {
    if (!OnReadable()) return;
  }
}

// The process has no descriptor left: the connection keeps the socket readable, so it is not looked
// at for a while.
void ServedServiceEntry::AcceptLater() {
  listener_.Stop();
  accept_later_.Start(state_, kAcceptPauseMs, [this] {
    const auto self = shared_from_this();
    if (Watch() != 0) return;
    accept_later_.Stop();
    listener_.Keep(kept_);
  });
  accept_later_.Keep(kept_);
}

bool ServedServiceEntry::OnReadable() {
  const os::ServiceMessage message = server_.Read(buffer_);
  if (message.what == os::ServiceRead::kNothing) return false;
  if (message.what == os::ServiceRead::kMessage) {
    on_message_.CallWithBytes(state_, std::span(buffer_).first(message.bytes));
    return true;
  }
  opener_.Stop();
  server_.DropOpener();
  on_opened_.Call(state_, {0});
  return false;
}

}  // namespace vmbus::binding
