// SPDX-License-Identifier: MIT
//
// Locks on files that Node opened. Called by: lib/services/kvp through lib/native/binding.ts.
// Calls: os/file_lock. Nothing here waits.

#include <climits>
#include <cstdint>

#include "../os/file_lock.h"
#include "arguments.h"
#include "exports.h"
#include "functions.h"

namespace vmbus::binding {

namespace {

using TryLock = int (*)(int fd, os::FileLock lock);

template <TryLock try_lock>
Napi::Value Lock(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto fd = arguments.Integer(0, "fd", 0, INT_MAX);
  if (!fd) return {};
  const auto lock = arguments.Integer(1, "lock", 0, static_cast<int>(os::FileLock::kExclusive));
  if (!lock) return {};
  return arguments.Number(-try_lock(static_cast<int>(*fd), static_cast<os::FileLock>(*lock)));
}

}  // namespace

void AddFileLockFunctions(Exports& exports) {
  exports.Add<Lock<os::TryRecordLock>>("lockRecords");
  exports.Add<Lock<os::TryFlock>>("lockFile");
}

}  // namespace vmbus::binding
