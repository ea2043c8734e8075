// SPDX-License-Identifier: MIT
//
// Detached threads; see blocking_thread.h.

#include "blocking_thread.h"

#include <pthread.h>
#include <signal.h>

namespace vmbus::os {

namespace {

constexpr size_t kStackBytes = 256 * 1024;

void* RunCall(void* argument) {
  pthread_setname_np(pthread_self(), "vmbus-blocking");
  const std::unique_ptr<BlockingCall> call(static_cast<BlockingCall*>(argument));
  call->Run();
  return nullptr;
}

// Signals of the process belong to its own threads; faults must stay deliverable, a blocked SIGBUS
// kills.
sigset_t AsynchronousSignals() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT})
    sigdelset(&set, fault);
  return set;
}

}  // namespace

int StartBlocking(std::unique_ptr<BlockingCall>& call) {
  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes); error != 0) return error;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);

  const sigset_t blocked = AsynchronousSignals();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, RunCall, call.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error == 0) static_cast<void>(call.release());  // the thread's now
  return error;
}

}  // namespace vmbus::os
