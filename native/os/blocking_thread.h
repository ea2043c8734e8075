// SPDX-License-Identifier: MIT
//
// A thread for one call that may block for long: opening and closing a device, writing an
// attribute. Called by: native/binding. Not libuv's pool: a host that does not answer an open would
// hold one of its four threads, and the process waits for the pool when it exits. These threads are
// detached and may outlive whoever started them.

#ifndef VMBUS_OS_BLOCKING_THREAD_H_
#define VMBUS_OS_BLOCKING_THREAD_H_

#include <memory>

namespace vmbus::os {

class BlockingCall {
 public:
  virtual ~BlockingCall() = default;
  virtual void Run() = 0;
};

// Runs and then destroys the call on a thread of its own. 0, or the errno of a thread that could
// not be made; the call is then still the caller's.
[[nodiscard]] int StartBlocking(std::unique_ptr<BlockingCall>& call);

}  // namespace vmbus::os

#endif  // VMBUS_OS_BLOCKING_THREAD_H_
