// SPDX-License-Identifier: MIT
//
// The SIGBUS guard; see sigbus_guard.h.
// The table is read by the handler without locks and never shrinks. A slot carries a sequence
// number: odd while it is changed, so that the handler never pairs the begin of one range with the
// end of another.

#include "sigbus_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <utility>

namespace vmbus::os {

namespace {

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
constinit struct sigaction previous_action{};
constinit std::atomic<bool> has_previous{false};
// The siginfo being passed on: if the previous handler hands it back to us, the chain is a circle.
constinit std::atomic<const siginfo_t*> passing_on{nullptr};

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

void PassOn(int number, siginfo_t* info, void* context) {
  const bool circle = passing_on.exchange(info) == info;
  const bool sent = info->si_code <= 0;
  if (circle || !has_previous.load()) {
    DieOfIt();
  } else if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(number, info, context);
  } else if (previous_action.sa_handler == SIG_IGN && sent) {
    // Ignored, as it was before us. The kernel never ignores a real fault.
  } else if (previous_action.sa_handler == SIG_DFL || previous_action.sa_handler == SIG_IGN) {
    DieOfIt();
  } else {
    previous_action.sa_handler(number);
  }
  passing_on.store(nullptr);
}

void OnSigbus(int number, siginfo_t* info, void* context) {
  const int saved = errno;
  // Only a fault of this very thread carries an address (si_code > 0).
  const bool ours = info->si_code > 0 && ReplacePages(reinterpret_cast<uintptr_t>(info->si_addr));
  if (!ours) PassOn(number, info, context);
  errno = saved;
}

// Under table_mutex. Again with every range, because others (a script's process.on('SIGBUS')) may
// have replaced us.
void Install() {
  struct sigaction current{};
  sigaction(SIGBUS, nullptr, &current);
  if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == OnSigbus) return;
  has_previous.store(false);
  previous_action = current;
  has_previous.store(true);
  struct sigaction action{};
  action.sa_sigaction = OnSigbus;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
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

}  // namespace

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
