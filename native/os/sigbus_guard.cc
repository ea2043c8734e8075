// SPDX-License-Identifier: MIT
//
// The SIGBUS guard; see sigbus_guard.h.
// The table is read by the handler without locks and never shrinks. A slot carries a sequence
// number: odd while it is changed, so that the handler never pairs the begin of one range with the
// end of another.

#include "sigbus_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <utility>

namespace vmbus::os {

namespace {

constexpr int64_t kLookEveryMs = 10;

struct Slot {
  std::atomic<uint32_t> sequence{0};
  std::atomic<bool> taken{false};
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<std::atomic<uint32_t>*> faulted{nullptr};
};

struct Chunk {
  static constexpr int kSlots = 64;
  Slot slots[kSlots];
  std::atomic<Chunk*> next{nullptr};
};

// Constant-initialised, and never destroyed: the handler may run until the last instruction of the
// process.
constinit Chunk first_chunk;
constinit std::mutex table_mutex;

// What was installed before us, each once and for good: a handler may be reading it.
struct Previous {
  struct sigaction action;
  const Previous* older;
};
constinit const Previous* known_previous = nullptr;  // under table_mutex
constinit std::atomic<const Previous*> previous{nullptr};

// A signal that a thread is passing on, and from which of its frames. A handler that saved us as
// its own previous one, before we came again on top of it, hands the signal back: the same one, in
// a deeper frame. One that jumped out of the handler left this behind, which is no sign of a
// circle: the next signal comes in a frame that is not below it, or with a siginfo elsewhere.
struct Passing {
  std::atomic<pid_t> thread{0};
  std::atomic<const siginfo_t*> info{nullptr};
  std::atomic<uintptr_t> frame{0};
};
constinit Passing passings[16];

void SetRange(Slot& slot, uintptr_t begin, uintptr_t end, std::atomic<uint32_t>* faulted) {
  slot.sequence.fetch_add(1, std::memory_order_seq_cst);
  slot.begin.store(begin, std::memory_order_seq_cst);
  slot.end.store(end, std::memory_order_seq_cst);
  slot.faulted.store(faulted, std::memory_order_seq_cst);
  slot.sequence.fetch_add(1, std::memory_order_seq_cst);
}

// Async-signal-safe: atomics and one system call. True when the address was in a range and has
// pages again.
bool ReplacePages(uintptr_t address) {
  for (Chunk* chunk = &first_chunk; chunk != nullptr; chunk = chunk->next.load()) {
    for (Slot& slot : chunk->slots) {
      const uint32_t sequence = slot.sequence.load();
      const uintptr_t begin = slot.begin.load();
      const uintptr_t end = slot.end.load();
      std::atomic<uint32_t>* faulted = slot.faulted.load();
      // A slot in change is not the one of a range in use.
      if (sequence % 2 != 0 || slot.sequence.load() != sequence) continue;
      if (address < begin || address >= end || faulted == nullptr) continue;
      // The flag first: whoever reads a zero that we put there must also see the flag.
      faulted->store(1);
      // SAFETY: the range is a whole mapping of ours, kept alive by whoever touches it right now.
      void* pages = mmap(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      return pages != MAP_FAILED;
    }
  }
  return false;
}

// As if nobody had a handler. A real fault happens again when we return, a sent signal is pending
// until then.
void DieOfIt() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  sigaction(SIGBUS, &action, nullptr);
  raise(SIGBUS);
}

// This thread's place among those that pass a signal on, or a free one; null when all are taken.
Passing* PassingOfThread() {
  const auto self = static_cast<pid_t>(syscall(SYS_gettid));
  for (Passing& passing : passings) {
    if (passing.thread.load() == self) return &passing;
  }
  for (Passing& passing : passings) {
    pid_t nobody = 0;
    if (passing.thread.compare_exchange_strong(nobody, self)) return &passing;
  }
  return nullptr;
}

void CallPrevious(int number, siginfo_t* info, void* context) {
  const Previous* before = previous.load();
  const bool sent = info->si_code <= 0;
  if (before == nullptr) return DieOfIt();
  const struct sigaction& action = before->action;
  if ((action.sa_flags & SA_SIGINFO) != 0) return action.sa_sigaction(number, info, context);
  // Ignored, as it was before us. The kernel never ignores a real fault.
  if (action.sa_handler == SIG_IGN && sent) return;
  if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) return DieOfIt();
  action.sa_handler(number);
}

void PassOn(int number, siginfo_t* info, void* context) {
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  Passing* passing = PassingOfThread();
  if (passing == nullptr) return CallPrevious(number, info, context);
  const siginfo_t* outer_info = passing->info.exchange(info);
  const uintptr_t outer_frame = passing->frame.exchange(frame);
  if (outer_info == info && frame < outer_frame) {
    DieOfIt();
  } else {
    CallPrevious(number, info, context);
  }
  passing->info.store(outer_info);
  passing->frame.store(outer_frame);
  if (outer_info == nullptr) passing->thread.store(0);
}

void OnSigbus(int number, siginfo_t* info, void* context) {
  const int saved = errno;
  // Only a fault of this very thread carries an address (si_code > 0).
  const bool ours = info->si_code > 0 && ReplacePages(reinterpret_cast<uintptr_t>(info->si_addr));
  if (!ours) PassOn(number, info, context);
  errno = saved;
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == OnSigbus;
}

bool IsInstalled() {
  struct sigaction current{};
  sigaction(SIGBUS, nullptr, &current);
  return IsOurs(current);
}

// Under table_mutex.
const Previous* Remember(const struct sigaction& action) {
  const auto is_same = [&action](const struct sigaction& other) {
    return other.sa_flags == action.sa_flags && other.sa_handler == action.sa_handler;
  };
  for (const Previous* known = known_previous; known != nullptr; known = known->older) {
    if (is_same(known->action)) return known;
  }
  known_previous = new Previous{action, known_previous};
  return known_previous;
}

// Under table_mutex.
void Install() {
  struct sigaction current{};
  sigaction(SIGBUS, nullptr, &current);
  if (IsOurs(current)) return;
  previous.store(Remember(current));
  struct sigaction action{};
  action.sa_sigaction = OnSigbus;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  struct sigaction replaced{};
  sigaction(SIGBUS, &action, &replaced);
  // Somebody else may have been quicker.
  if (!IsOurs(replaced)) previous.store(Remember(replaced));
}

// Under table_mutex.
Slot* FreeSlot() {
  for (Chunk* chunk = &first_chunk;; chunk = chunk->next.load()) {
    for (Slot& slot : chunk->slots) {
      if (!slot.taken.load()) return &slot;
    }
    if (chunk->next.load() == nullptr) chunk->next.store(new Chunk);  // stays for good
  }
}

int64_t CoarseNowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

void KeepSigbusGuard() {
  static constinit std::atomic<int64_t> next_look_ms{0};
  const int64_t now_ms = CoarseNowMs();
  if (now_ms < next_look_ms.load(std::memory_order_relaxed)) return;
  next_look_ms.store(now_ms + kLookEveryMs, std::memory_order_relaxed);
  if (IsInstalled()) return;
  const std::lock_guard lock(table_mutex);
  Install();
}

GuardedRange::GuardedRange(void* begin, size_t length, std::atomic<uint32_t>* faulted) {
  const std::lock_guard lock(table_mutex);
  Install();
  Slot* slot = FreeSlot();
  slot->taken.store(true);
  const auto address = reinterpret_cast<uintptr_t>(begin);
  SetRange(*slot, address, address + length, faulted);
  slot_ = slot;
}

GuardedRange::GuardedRange(GuardedRange&& other) noexcept
    : slot_(std::exchange(other.slot_, nullptr)) {}

GuardedRange& GuardedRange::operator=(GuardedRange&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

GuardedRange::~GuardedRange() {
  if (slot_ == nullptr) return;
  const std::lock_guard lock(table_mutex);
  auto* slot = static_cast<Slot*>(slot_);
  SetRange(*slot, 0, 0, nullptr);
  slot->taken.store(false);
}

}  // namespace vmbus::os
