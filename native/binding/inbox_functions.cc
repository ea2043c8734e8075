// SPDX-License-Identifier: MIT
//
// Files that somebody else names, each step on a thread of its own: a disk or a network file system
// may take its time, and four such waits would take all of libuv's pool.
// Called by: lib/services/inbox through lib/native/binding.ts. Calls: os/inbox_file.

#include <climits>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "../os/inbox_file.h"
#include "arguments.h"
#include "blocking_work.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"

namespace vmbus::binding {

namespace {

// What a step came to: a descriptor, a number, 0 for done, or an errno.
struct Outcome {
  Outcome(os::Result<os::UniqueFd> opened) : error(opened.error()) {  // NOLINT: reads as `return`
    if (opened.ok()) fd = opened.Take();
  }
  Outcome(os::Result<uint64_t> counted) : error(counted.error()) {  // NOLINT: reads as `return`
    if (counted.ok()) number = static_cast<double>(counted.value());
  }
  Outcome(int failed) : error(failed) {}  // NOLINT: reads as `return`

  int error = 0;
  double number = 0;
  os::UniqueFd fd;
};

using Step = std::function<Outcome()>;

class StepWork final : public BlockingWork {
 public:
  StepWork(Step step, int64_t done) : step_(std::move(step)), done_(done) {}

  void Work() override { outcome_ = step_(); }
  void Refuse(int error) override { outcome_ = Outcome(error); }
  void Finish(EnvState& state) override {
    const JsCallback done = state.TakePending(done_);
    // A descriptor that nobody can be told of is closed with this.
    if (!state.can_call_js()) return;
    if (outcome_.error != 0) return done.Call(state, {static_cast<double>(-outcome_.error)});
    const bool opened = outcome_.fd.valid();
    done.Call(state, {opened ? static_cast<double>(outcome_.fd.Release()) : outcome_.number});
  }

 private:
  Step step_;
  int64_t done_;
  Outcome outcome_ = Outcome(0);
};

// The step, with the callback that stands behind its arguments.
void Start(const Arguments& arguments, size_t callback, Step step) {
  auto done = arguments.Function(callback, "done");
  if (!done) return;
  EnvState& state = arguments.state();
  const int64_t number = state.KeepPending(std::move(*done));
  StartWork(state, std::make_unique<StepWork>(std::move(step), number), Duty::kNone);
}

std::optional<int> Descriptor(const Arguments& arguments, size_t index, const char* name) {
  const auto number = arguments.Integer(index, name, 0, INT_MAX);
  return number ? std::optional<int>(static_cast<int>(*number)) : std::nullopt;
}

void OpenRootFolder(const Napi::CallbackInfo& info) {
  Start(Arguments(info), 0, [] { return Outcome(os::OpenRootFolder()); });
}

using OnFolder = Outcome (*)(int folder);

template <OnFolder act>
void FolderStep(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto folder = Descriptor(arguments, 0, "folder");
  if (!folder) return;
  Start(arguments, 1, [folder = *folder] { return act(folder); });
}

using OnName = Outcome (*)(int folder, const std::string& name);

template <OnName act>
void NameStep(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto folder = Descriptor(arguments, 0, "folder");
  if (!folder) return;
  auto name = arguments.Text(1, "name");
  if (!name) return;
  Start(arguments, 2, [folder = *folder, name = std::move(*name)] { return act(folder, name); });
}

void NameInboxFile(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto file = Descriptor(arguments, 0, "file");
  if (!file) return;
  const auto folder = Descriptor(arguments, 1, "folder");
  if (!folder) return;
  auto name = arguments.Text(2, "name");
  if (!name) return;
  Start(arguments, 3, [file = *file, folder = *folder, name = std::move(*name)] {
    return Outcome(os::NameFile(file, folder, name));
  });
}

void RenameInboxFile(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto from_folder = Descriptor(arguments, 0, "fromFolder");
  if (!from_folder) return;
  auto from = arguments.Text(1, "from");
  if (!from) return;
  const auto to_folder = Descriptor(arguments, 2, "toFolder");
  if (!to_folder) return;
  auto to = arguments.Text(3, "to");
  if (!to) return;
  const auto replaces = arguments.Boolean(4, "replaces");
  if (!replaces) return;
  const os::Replace replace = *replaces ? os::Replace::kFile : os::Replace::kNothing;
  Start(arguments, 5,
        [from_folder = *from_folder, from = std::move(*from), to_folder = *to_folder,
         to = std::move(*to),
         replace] { return Outcome(os::RenameFile(from_folder, from, to_folder, to, replace)); });
}

Outcome OpenFolder(int folder, const std::string& name) { return os::OpenFolder(folder, name); }
Outcome MakeFolder(int folder, const std::string& name) { return os::MakeFolder(folder, name); }
Outcome CreateNamed(int folder, const std::string& name) { return os::CreateNamed(folder, name); }
Outcome RemoveFile(int folder, const std::string& name) { return os::RemoveFile(folder, name); }
Outcome RemoveFolder(int folder, const std::string& name) { return os::RemoveFolder(folder, name); }
Outcome FindFile(int folder, const std::string& name) { return os::FindFile(folder, name); }
Outcome FreeBytes(int folder) { return os::FreeBytes(folder); }
Outcome CreateUnnamed(int folder) { return os::CreateUnnamed(folder); }
Outcome SyncFolder(int folder) { return os::SyncFolder(folder); }

// Not node:fs: that warns of descriptors which it has not opened, in worker threads.
Outcome Close(int fd) {
  os::UniqueFd(fd).Close();
  return 0;
}

}  // namespace

void AddInboxFunctions(Exports& exports) {
  exports.Add<OpenRootFolder>("openRootFolder");
  exports.Add<NameStep<OpenFolder>>("openFolder");
  exports.Add<NameStep<MakeFolder>>("makeFolder");
  exports.Add<FolderStep<CreateUnnamed>>("createUnnamed");
  exports.Add<NameStep<CreateNamed>>("createNamed");
  exports.Add<NameInboxFile>("nameInboxFile");
  exports.Add<RenameInboxFile>("renameInboxFile");
  exports.Add<NameStep<RemoveFile>>("removeInboxFile");
  exports.Add<NameStep<RemoveFolder>>("removeInboxFolder");
  exports.Add<NameStep<FindFile>>("findInboxFile");
  exports.Add<FolderStep<FreeBytes>>("freeInboxBytes");
  exports.Add<FolderStep<SyncFolder>>("syncFolder");
  exports.Add<FolderStep<Close>>("closeInbox");
}

}  // namespace vmbus::binding
