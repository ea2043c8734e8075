// SPDX-License-Identifier: MIT
//
// Tasks for the loop; see loop_post.h.

#include "loop_post.h"

#include <utility>

#include "env_state.h"

namespace vmbus::binding {

std::shared_ptr<LoopPost> LoopPost::Start(EnvState& state) {
  auto post = std::make_shared<LoopPost>();
  auto async = std::make_unique<uv_async_t>();
  const int error = uv_async_init(state.loop(), async.get(), [](uv_async_t* handle) {
    static_cast<LoopPost*>(handle->data)->RunTasks();
  });
  if (error != 0) return nullptr;
  async->data = post.get();
  post->state_ = &state;
  post->async_ = async.release();
  state.OnHandleOpened();
  uv_unref(reinterpret_cast<uv_handle_t*>(post->async_));
  return post;
}

bool LoopPost::Post(std::unique_ptr<LoopTask> task) {
  const std::lock_guard lock(mutex_);
  if (async_ == nullptr) return false;
  tasks_.push_back(std::move(task));
  uv_async_send(async_);
  return true;
}

void LoopPost::Hold() {
  if (holds_++ == 0 && async_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(async_));
}

void LoopPost::Release() {
  if (--holds_ == 0 && async_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(async_));
}

void LoopPost::RunTasks() {
  std::vector<std::unique_ptr<LoopTask>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const std::unique_ptr<LoopTask>& task : tasks) task->Run(*state_);
}

void LoopPost::Stop() {
  std::vector<std::unique_ptr<LoopTask>> rest;
  uv_async_t* async = nullptr;
  {
    const std::lock_guard lock(mutex_);
    async = std::exchange(async_, nullptr);
    rest.swap(tasks_);
  }
  if (async == nullptr) return;
  async->data = state_;
  uv_close(reinterpret_cast<uv_handle_t*>(async), [](uv_handle_t* handle) {
    auto* state = static_cast<EnvState*>(handle->data);
    delete reinterpret_cast<uv_async_t*>(handle);
    state->OnHandleClosed();
  });
}

}  // namespace vmbus::binding
