// SPDX-License-Identifier: MIT
//
// A lease handle of one environment: as the lease's owner, or attached to another environment's.
// Called by: lease_functions. Watches its own descriptor of the node and tells the script of wakes
// and of the end.

#ifndef VMBUS_BINDING_LEASE_ENTRY_H_
#define VMBUS_BINDING_LEASE_ENTRY_H_

#include <cstdint>
#include <memory>

#include "../os/lease.h"
#include "js_call.h"
#include "poll_watch.h"

namespace vmbus::binding {

class EnvState;

// LeaseEvent of lib/native/binding.ts.
enum class LeaseEvent : int32_t { kWake = 0, kRescinded = 1, kOwnerClosed = 2, kUnsignalled = 3 };

class LeaseEntry : public std::enable_shared_from_this<LeaseEntry> {
 public:
  // The owner's when `attachment` is null.
  LeaseEntry(EnvState& state, std::shared_ptr<os::Lease> lease,
             std::unique_ptr<os::Attachment> attachment, JsCallback on_event);
  LeaseEntry(const LeaseEntry&) = delete;
  LeaseEntry& operator=(const LeaseEntry&) = delete;
  ~LeaseEntry();

  // 0 or an errno.
  [[nodiscard]] int Watch();
  os::Lease& lease() { return *lease_; }
  void Keep(bool keep) { watch_.Keep(keep); }

  // The owner, in another environment, closed the lease. On this entry's loop.
  void OnOwnerClosed();

  // Ends it: drops the channels, closes off the loop, then calls `done(errno)`. Not to be used
  // after that.
  void Close(JsCallback done);

 private:
  void OnReadable(bool readable);
  void OnGone();
  void OnSignalOwed();

  EnvState& state_;
  std::shared_ptr<os::Lease> lease_;
  std::unique_ptr<os::Attachment> attachment_;
  const bool owns_;
  JsCallback on_event_;
  PollWatch watch_;
  PollWatch owed_;  // the owner's: a signal that was held back
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_LEASE_ENTRY_H_
