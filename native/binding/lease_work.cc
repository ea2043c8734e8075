// SPDX-License-Identifier: MIT
//
// Opening and attaching; see lease_work.h.

#include "lease_work.h"

#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>
#include <variant>

#include "../os/lease.h"
#include "blocking_work.h"
#include "env_state.h"
#include "lease_entry.h"
#include "loop_post.h"

namespace vmbus::binding {

namespace {

// Calls done(errno, stage, lease).
void Answer(EnvState& state, const JsCallback& done, int error, os::OpenStage stage,
            int32_t lease) {
  done.Call(state,
            {static_cast<double>(error), static_cast<double>(stage), static_cast<double>(lease)});
}

// Enters an opened lease and starts its watch; what cannot be entered is closed again.
void Enter(EnvState& state, const JsCallback& done, std::shared_ptr<LeaseEntry> entry) {
  int error = state.is_cleaning_up() ? ECANCELED : entry->Watch();
  const int32_t handle = error == 0 ? state.leases.Add(entry) : 0;
  if (handle == 0) {
    entry->Close(JsCallback());
    return Answer(state, done, error == 0 ? EMFILE : error, os::OpenStage::kOpen, 0);
  }
  Answer(state, done, 0, os::OpenStage::kNone, handle);
}

class OpenWork final : public BlockingWork {
 public:
  OpenWork(os::OpenPlan plan, int64_t on_event, int64_t done)
      : plan_(std::move(plan)), on_event_(on_event), done_(done) {}

  void Work() override { result_ = os::Lease::Open(plan_); }
  void Refuse(int error) override { result_ = os::OpenFailure{error, os::OpenStage::kOpen}; }
  void Finish(EnvState& state) override {
    JsCallback on_event = state.TakePending(on_event_);
    const JsCallback done = state.TakePending(done_);
    if (const auto* failure = std::get_if<os::OpenFailure>(&result_)) {
      return Answer(state, done, failure->error, failure->stage, 0);
    }
    auto lease = std::move(*std::get_if<std::shared_ptr<os::Lease>>(&result_));
    Enter(state, done,
          std::make_shared<LeaseEntry>(state, std::move(lease), nullptr, std::move(on_event)));
  }

 private:
  os::OpenPlan plan_;
  int64_t on_event_;
  int64_t done_;
  os::LeaseResult result_;
};

// Tells the attached environment's entry that the owner has closed.
class OwnerClosedTask final : public LoopTask {
 public:
  explicit OwnerClosedTask(std::weak_ptr<LeaseEntry> entry) : entry_(std::move(entry)) {}
  void Run(EnvState&) override {
    if (const auto entry = entry_.lock()) entry->OnOwnerClosed();
  }

 private:
  std::weak_ptr<LeaseEntry> entry_;
};

// Where the owner's close finds the attached entry, once there is one.
struct AttachmentLink {
  std::mutex mutex;
  std::weak_ptr<LeaseEntry> entry;
  bool owner_closed = false;
};

class AttachWork final : public BlockingWork {
 public:
  AttachWork(std::shared_ptr<os::Lease> lease, std::shared_ptr<LoopPost> post, int64_t on_event,
             int64_t done)
      : lease_(std::move(lease)), post_(std::move(post)), on_event_(on_event), done_(done) {}

  void Work() override {
    auto on_owner_closed = [link = link_, post = post_] {
      const std::lock_guard lock(link->mutex);
      link->owner_closed = true;
      static_cast<void>(post->Post(std::make_unique<OwnerClosedTask>(link->entry)));
    };
    auto opened = os::Attachment::Open(lease_, std::move(on_owner_closed));
    if (const auto* failure = std::get_if<os::OpenFailure>(&opened)) failure_ = *failure;
    if (auto* attachment = std::get_if<std::unique_ptr<os::Attachment>>(&opened)) {
      attachment_ = std::move(*attachment);
    }
  }
  void Refuse(int error) override { failure_ = {error, os::OpenStage::kOpen}; }
  void Finish(EnvState& state) override {
    JsCallback on_event = state.TakePending(on_event_);
    const JsCallback done = state.TakePending(done_);
    if (attachment_ == nullptr) return Answer(state, done, failure_.error, failure_.stage, 0);
    auto entry = std::make_shared<LeaseEntry>(state, std::move(lease_), std::move(attachment_),
                                              std::move(on_event));
    bool owner_closed = false;
    {
      const std::lock_guard lock(link_->mutex);
      link_->entry = entry;
      owner_closed = link_->owner_closed;
    }
    Enter(state, done, entry);
    if (owner_closed) entry->OnOwnerClosed();
  }

 private:
  std::shared_ptr<os::Lease> lease_;
  std::shared_ptr<LoopPost> post_;
  int64_t on_event_;
  int64_t done_;
  std::shared_ptr<AttachmentLink> link_ = std::make_shared<AttachmentLink>();
  os::OpenFailure failure_{0, os::OpenStage::kNone};
  std::unique_ptr<os::Attachment> attachment_;
};

class AnswerTask final : public LoopTask {
 public:
  AnswerTask(int64_t done, std::array<double, 3> numbers) : done_(done), numbers_(numbers) {}
  void Run(EnvState& state) override {
    state.post()->Release();
    state.TakePending(done_).Call(state, {numbers_[0], numbers_[1], numbers_[2]});
  }

 private:
  int64_t done_;
  std::array<double, 3> numbers_;
};

}  // namespace

void StartOpen(EnvState& state, os::OpenPlan plan, JsCallback on_event, JsCallback done) {
  const int64_t event_number = state.KeepPending(std::move(on_event));
  const int64_t done_number = state.KeepPending(std::move(done));
  StartWork(state, std::make_unique<OpenWork>(std::move(plan), event_number, done_number),
            Duty::kNone);
}

void StartAttach(EnvState& state, uint64_t token, JsCallback on_event, JsCallback done) {
  std::shared_ptr<os::Lease> lease = os::Lease::Find(token);
  if (lease == nullptr) {
    return AnswerLater(state, std::move(done),
                       {ENOENT, static_cast<double>(os::OpenStage::kFind), 0});
  }
  const int64_t event_number = state.KeepPending(std::move(on_event));
  const int64_t done_number = state.KeepPending(std::move(done));
  StartWork(state,
            std::make_unique<AttachWork>(std::move(lease), state.post(), event_number, done_number),
            Duty::kNone);
}

void AnswerLater(EnvState& state, JsCallback done, std::array<double, 3> numbers) {
  const int64_t number = state.KeepPending(std::move(done));
  state.post()->Hold();
  static_cast<void>(state.post()->Post(std::make_unique<AnswerTask>(number, numbers)));
}

}  // namespace vmbus::binding
