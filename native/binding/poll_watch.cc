// SPDX-License-Identifier: MIT
//
// Watches; see poll_watch.h.
// libuv frees nothing: a handle lives until its close callback, in a later turn of the loop, and so
// does the handler that may be running right now.

#include "poll_watch.h"

#include <utility>

#include "env_state.h"

namespace vmbus::binding {

namespace {

void KeepLoop(uv_handle_t* handle, bool keep) {
  if (keep) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

}  // namespace

struct PollWatch::Impl {
  uv_poll_t handle;
  EnvState* state;
  Handler handler;

  static void OnReady(uv_poll_t* poll, int status, int) {
    static_cast<Impl*>(poll->data)->handler(status == 0);
  }
};

int PollWatch::Start(EnvState& state, int fd, Handler handler) {
  auto* impl = new Impl{{}, &state, std::move(handler)};
  if (const int error = uv_poll_init(state.loop(), &impl->handle, fd); error != 0) {
    delete impl;
    return -error;
  }
  state.OnHandleOpened();
  impl->handle.data = impl;
  impl_ = impl;
  const int error = uv_poll_start(&impl->handle, UV_READABLE, Impl::OnReady);
  if (error != 0) Stop();
  return -error;
}

void PollWatch::Pause() {
  if (impl_ != nullptr) uv_poll_stop(&impl_->handle);
}

void PollWatch::Resume() {
  // Fails only for a handle that is closing.
  if (impl_ != nullptr)
    static_cast<void>(uv_poll_start(&impl_->handle, UV_READABLE, Impl::OnReady));
}

void PollWatch::Stop() {
  Impl* impl = std::exchange(impl_, nullptr);
  if (impl == nullptr) return;
  uv_poll_stop(&impl->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(&impl->handle), [](uv_handle_t* handle) {
    auto* closed = static_cast<Impl*>(handle->data);
    EnvState* state = closed->state;
    delete closed;
    state->OnHandleClosed();
  });
}

void PollWatch::Keep(bool keep) {
  if (impl_ != nullptr) KeepLoop(reinterpret_cast<uv_handle_t*>(&impl_->handle), keep);
}

struct TimerWatch::Impl {
  uv_timer_t handle;
  EnvState* state;
  std::function<void()> handler;
};

void TimerWatch::Start(EnvState& state, uint64_t every_ms, std::function<void()> handler) {
  Stop();
  auto* impl = new Impl{{}, &state, std::move(handler)};
  uv_timer_init(state.loop(), &impl->handle);  // never fails
  state.OnHandleOpened();
  impl->handle.data = impl;
  impl_ = impl;
  uv_unref(reinterpret_cast<uv_handle_t*>(&impl->handle));
  // Fails only without a callback, or while the handle is closing.
  static_cast<void>(uv_timer_start(
      &impl->handle, [](uv_timer_t* timer) { static_cast<Impl*>(timer->data)->handler(); },
      every_ms, every_ms));
}

void TimerWatch::Stop() {
  Impl* impl = std::exchange(impl_, nullptr);
  if (impl == nullptr) return;
  uv_timer_stop(&impl->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(&impl->handle), [](uv_handle_t* handle) {
    auto* closed = static_cast<Impl*>(handle->data);
    EnvState* state = closed->state;
    delete closed;
    state->OnHandleClosed();
  });
}

void TimerWatch::Keep(bool keep) {
  if (impl_ != nullptr) KeepLoop(reinterpret_cast<uv_handle_t*>(&impl_->handle), keep);
}

}  // namespace vmbus::binding
