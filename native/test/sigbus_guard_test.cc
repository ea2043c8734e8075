// SPDX-License-Identifier: MIT
//
// The SIGBUS guard among other handlers. Each case runs in a process of its own, because the wrong
// answer is a death, or the right one.
// Run by: test/process/native-os.test.ts.

#include "../os/sigbus_guard.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using vmbus::os::GuardedRange;
using vmbus::os::KeepSigbusGuard;

constexpr size_t kBytes = 4096;
constexpr int kFine = 42;  // how a case ends that went well

// Memory whose pages are gone: the next access is a fault.
volatile char* MapNothing() {
  const int fd = memfd_create("gone", MFD_CLOEXEC);
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return static_cast<volatile char*>(memory);
}

// How a process that does this ends: its status, or minus the signal that killed it.
template <typename Body>
int EndOf(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    body();
    _exit(kFine);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct Guarded {
  std::atomic<uint32_t> faulted{0};
  volatile char* memory = MapNothing();
  GuardedRange range{const_cast<char*>(memory), kBytes, &faulted};
};

void Handle(void (*handler)(int), struct sigaction* before = nullptr) {
  struct sigaction action{};
  action.sa_handler = handler;
  sigaction(SIGBUS, &action, before);
}

void TakenBackFromNobody() {
  Guarded guarded;
  Handle(SIG_DFL);
  KeepSigbusGuard();
  static_cast<void>(guarded.memory[0]);
  if (guarded.faulted.load() != 1) _exit(1);
}

std::atomic<bool> is_sent{false};

void TakenBackFromAnother() {
  Guarded guarded;
  Handle([](int) { _exit(is_sent.load() ? kFine : 3); });
  KeepSigbusGuard();
  static_cast<void>(guarded.memory[0]);
  if (guarded.faulted.load() != 1) _exit(1);
  is_sent.store(true);
  raise(SIGBUS);  // goes on to the other one
  _exit(2);
}

struct sigaction saved{};

// Ours is above it and below it.
void Circle() {
  const Guarded first;
  struct sigaction action{};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int number, siginfo_t* info, void* context) {
    saved.sa_sigaction(number, info, context);
  };
  sigaction(SIGBUS, &action, &saved);
  const Guarded second;
  static_cast<void>(MapNothing()[0]);
}

sigjmp_buf escape;
std::atomic<int> jumps{0};

// The handler before ours leaves by a jump each time, as those of garbage collectors do.
void JumpsOut() {
  Handle([](int) { siglongjmp(escape, 1); });
  const Guarded guarded;
  volatile char* memory = MapNothing();
  if (sigsetjmp(escape, 1) != 0) jumps.fetch_add(1);
  if (jumps.load() < 3) static_cast<void>(memory[0]);
}

// The last one counts.
void ManyChanges() {
  Guarded guarded;
  for (int i = 0; i < 100'000; ++i) {
    Handle(i % 2 == 0 ? SIG_DFL : SIG_IGN);
    const Guarded another;
    munmap(const_cast<char*>(another.memory), kBytes);
  }
  raise(SIGBUS);
  static_cast<void>(guarded.memory[0]);
  if (guarded.faulted.load() != 1) _exit(1);
}

}  // namespace

int main() {
  Test("a guard that was replaced by the default is taken back",
       [] { CheckEqual(EndOf(TakenBackFromNobody), kFine, "end"); });
  Test("a guard that was replaced by a handler is taken back, and the handler is called after it",
       [] { CheckEqual(EndOf(TakenBackFromAnother), kFine, "end"); });
  Test("a fault that nobody answers kills, also when the handlers call each other in a circle",
       [] { CheckEqual(EndOf(Circle), -SIGBUS, "end"); });
  Test("a handler that jumps out of the signal is called again for the next one",
       [] { CheckEqual(EndOf(JumpsOut), kFine, "end"); });
  Test("a hundred thousand changes of the handler are followed",
       [] { CheckEqual(EndOf(ManyChanges), kFine, "end"); });
  return Summary();
}
