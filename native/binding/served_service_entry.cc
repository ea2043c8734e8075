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
  return listener_.Start(state_, server_.listening_fd(), [this] { OnConnect(); });
}

void ServedServiceEntry::Keep(bool keep) {
  kept_ = keep;
  listener_.Keep(keep);
  opener_.Keep(keep);
}

void ServedServiceEntry::Close() {
  if (std::exchange(closed_, true)) return;
  listener_.Stop();
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
    if (error != 0) return listener_.Pause();
    if (opener_.Start(state_, server_.opener_fd(), [this](bool readable) {
          const auto alive = shared_from_this();
          OnReadable();
          // Polling has ended: nobody would hear the rest.
          if (!readable && !closed_ && server_.opener_fd() >= 0) OnGone();
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

bool ServedServiceEntry::OnReadable() {
  const os::ServiceMessage message = server_.Read(buffer_);
  if (message.what == os::ServiceRead::kNothing) return false;
  if (message.what == os::ServiceRead::kMessage) {
    on_message_.CallWithBytes(state_, std::span(buffer_).first(message.bytes));
    return true;
  }
  OnGone();
  return false;
}

void ServedServiceEntry::OnGone() {
  opener_.Stop();
  server_.DropOpener();
  on_opened_.Call(state_, {0});
}

}  // namespace vmbus::binding
