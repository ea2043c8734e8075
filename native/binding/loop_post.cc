// SPDX-License-Identifier: MIT
//
// Tasks for the loop; see loop_post.h.

#include "loop_post.h"

#include <iterator>
#include <utility>

#include "../os/blocking_thread.h"
#include "env_state.h"

namespace vmbus::binding {

namespace {

using Tasks = std::vector<std::unique_ptr<LoopTask>>;

// Does nothing but go, and its tasks with it, on a thread of its own.
class Unrun final : public os::BlockingCall {
 public:
  explicit Unrun(Tasks tasks) : tasks_(std::move(tasks)) {}
  void Run() override {}

 private:
  Tasks tasks_;
};

// A task that nobody will run may own an open node, whose last close waits for the host: not on the
// loop, unless there is no thread to be had.
void DropElsewhere(Tasks tasks) {
  if (tasks.empty()) return;
  std::unique_ptr<os::BlockingCall> unrun = std::make_unique<Unrun>(std::move(tasks));
  static_cast<void>(os::StartBlocking(unrun));
}

}  // namespace

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
  Tasks tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  auto next = tasks.begin();
  while (next != tasks.end() && !stopped_) (*next++)->Run(*state_);
  DropElsewhere({std::make_move_iterator(next), std::make_move_iterator(tasks.end())});
}

void LoopPost::Stop() {
  Tasks rest;
  uv_async_t* async = nullptr;
  {
    const std::lock_guard lock(mutex_);
    async = std::exchange(async_, nullptr);
    rest.swap(tasks_);
  }
  stopped_ = true;
  DropElsewhere(std::move(rest));
  if (async == nullptr) return;
  async->data = state_;
  uv_close(reinterpret_cast<uv_handle_t*>(async), [](uv_handle_t* handle) {
    auto* state = static_cast<EnvState*>(handle->data);
    delete reinterpret_cast<uv_async_t*>(handle);
    state->OnHandleClosed();
  });
}

}  // namespace vmbus::binding
