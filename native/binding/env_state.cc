// SPDX-License-Identifier: MIT
//
// Environments; see env_state.h.

#include "env_state.h"

#include <cerrno>
#include <utility>

#include "../os/dma_memory.h"
#include "../os/guest_memory.h"
#include "channel_entry.h"
#include "frame_entry.h"
#include "lease_entry.h"
#include "node_entry.h"
#include "served_service_entry.h"
#include "service_entry.h"
#include "tap_entry.h"
#include "uevent_entry.h"

namespace vmbus::binding {

EnvState* EnvState::Create(napi_env env) {
  uv_loop_t* loop = nullptr;
  // Never the default loop: in a worker that is another thread's.
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  auto* state = new EnvState(env, loop);
  const auto on_cleanup = [](napi_async_cleanup_hook_handle, void* data) {
    static_cast<EnvState*>(data)->CleanUp();
  };
  if (napi_add_async_cleanup_hook(env, on_cleanup, state, &state->hook_) != napi_ok) {
    delete state;
    return nullptr;
  }
  state->post_ = LoopPost::Start(*state);
  if (state->post_ != nullptr) return state;
  napi_remove_async_cleanup_hook(state->hook_);
  delete state;
  return nullptr;
}

EnvState::~EnvState() = default;

int64_t EnvState::KeepPending(JsCallback callback) {
  const int64_t number = next_pending_++;
  pending_.emplace(number, std::move(callback));
  return number;
}

JsCallback EnvState::TakePending(int64_t number) {
  const auto found = pending_.find(number);
  if (found == pending_.end()) return {};
  JsCallback callback = std::move(found->second);
  pending_.erase(found);
  return callback;
}

int32_t EnvState::AddChannel(std::shared_ptr<os::Channel> channel, const void* owner) {
  const int32_t handle = channels.Add(std::make_shared<ChannelEntry>(std::move(channel), owner));
  return handle == 0 ? -EMFILE : handle;
}

void EnvState::DropChannelsOf(const void* owner) {
  for (const int32_t handle : channels.Open()) {
    const ChannelEntry* entry = channels.Find(handle);
    if (entry != nullptr && entry->owner() == owner) channels.Remove(handle);
  }
}

void EnvState::CleanUp() {
  cleaning_up_ = true;
  can_call_js_ = false;
  for (const int32_t handle : uevents.Open()) uevents.Remove(handle);
  for (const int32_t handle : services.Open()) services.Remove(handle)->Close();
  for (const int32_t handle : served_services.Open()) served_services.Remove(handle)->Close();
  for (const int32_t handle : taps.Open()) taps.Remove(handle)->Close();
  for (const int32_t handle : nodes.Open()) nodes.Remove(handle)->Close();
  for (const int32_t handle : frames.Open()) frames.Remove(handle);
  for (const int32_t handle : channels.Open()) channels.Remove(handle);
  for (const int32_t handle : memories.Open()) memories.Remove(handle);
  for (const int32_t handle : leases.Open()) leases.Remove(handle)->Close(JsCallback());
  // The keeper has the pages until it has closed the device.
  for (const int32_t handle : dma.Open()) dma.Remove(handle);
  pending_.clear();
  StopWhenDone();
}

void EnvState::OnDutyDone() {
  --duties_;
  StopWhenDone();
}

void EnvState::StopWhenDone() {
  if (!cleaning_up_ || stopped_ || duties_ > 0) return;
  stopped_ = true;
  post_->Stop();
}

void EnvState::OnHandleClosed() {
  --open_handles_;
  if (!stopped_ || open_handles_ > 0) return;
  // The last handle: after this Node may end the thread.
  napi_remove_async_cleanup_hook(hook_);
  delete this;
}

}  // namespace vmbus::binding
