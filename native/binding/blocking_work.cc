// SPDX-License-Identifier: MIT
//
// Blocking work; see blocking_work.h.

#include "blocking_work.h"

#include <utility>

#include "../os/blocking_thread.h"
#include "env_state.h"
#include "loop_post.h"

namespace vmbus::binding {

namespace {

class FinishTask final : public LoopTask {
 public:
  FinishTask(std::unique_ptr<BlockingWork> work, Duty duty) : work_(std::move(work)), duty_(duty) {}

  void Run(EnvState& state) override {
    state.post()->Release();
    work_->Finish(state);
    if (duty_ == Duty::kFinish) state.OnDutyDone();
  }

 private:
  std::unique_ptr<BlockingWork> work_;
  Duty duty_;
};

class WorkThread final : public os::BlockingCall {
 public:
  WorkThread(std::shared_ptr<LoopPost> post, std::unique_ptr<BlockingWork> work, Duty duty)
      : post_(std::move(post)), work_(std::move(work)), duty_(duty) {}

  void Run() override {
    work_->Work();
    Deliver();
  }
  void Refuse(int error) {
    work_->Refuse(error);
    Deliver();
  }

 private:
  void Deliver() {
    static_cast<void>(post_->Post(std::make_unique<FinishTask>(std::move(work_), duty_)));
  }

  std::shared_ptr<LoopPost> post_;
  std::unique_ptr<BlockingWork> work_;
  Duty duty_;
};

}  // namespace

void StartWork(EnvState& state, std::unique_ptr<BlockingWork> work, Duty duty) {
  state.post()->Hold();
  if (duty == Duty::kFinish) state.OnDutyStarted();
  auto thread = std::make_unique<WorkThread>(state.post(), std::move(work), duty);
  WorkThread* refused = thread.get();
  std::unique_ptr<os::BlockingCall> call = std::move(thread);
  if (const int error = os::StartBlocking(call); error != 0) refused->Refuse(error);
}

}  // namespace vmbus::binding
