// SPDX-License-Identifier: MIT
//
// Tasks from other threads for an environment's event loop.
// Called by: blocking_work and lease_entry. Shared: a thread may hold it longer than the
// environment lives; then Post says no and the task is destroyed where it is.

#ifndef VMBUS_BINDING_LOOP_POST_H_
#define VMBUS_BINDING_LOOP_POST_H_

#include <uv.h>

#include <memory>
#include <mutex>
#include <vector>

namespace vmbus::binding {

class EnvState;

class LoopTask {
 public:
  virtual ~LoopTask() = default;
  // On the loop. The environment may be cleaning up: then nothing calls JavaScript.
  virtual void Run(EnvState& state) = 0;
};

class LoopPost {
 public:
  // Null when the loop refuses.
  static std::shared_ptr<LoopPost> Start(EnvState& state);

  // From any thread. False when the environment is gone: the task is destroyed before this returns.
  bool Post(std::unique_ptr<LoopTask> task);

  // On the loop: keeps it alive from the first Hold to the last Release.
  void Hold();
  void Release();

  // On the loop: no task runs after this; those that wait are destroyed on a thread of their own.
  void Stop();

 private:
  void RunTasks();

  EnvState* state_ = nullptr;
  int holds_ = 0;
  bool stopped_ = false;  // the loop's own word
  std::mutex mutex_;
  uv_async_t* async_ = nullptr;  // null after Stop
  std::vector<std::unique_ptr<LoopTask>> tasks_;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_LOOP_POST_H_
