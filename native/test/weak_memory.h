// SPDX-License-Identifier: MIT
//
// A model of weakly ordered memory that runs two threads of straight code through every
// interleaving and every value a load may legally return, one execution after the other.
// Used by: litmus_model.cc, with the handshakes of native/core/ring_handshake.h as the code.
//
// The model is the view-based one of C++ relaxed, acquire and release accesses and full fences:
// each word keeps all values ever stored; each thread knows, per word, the oldest value it may
// still see. A release store carries its thread's knowledge, an acquire load takes it over, a full
// fence exchanges knowledge with all full fences before it. Loads never wait for later stores (no
// "load buffering"): orderings of a load before a store are proven by the thread sanitizer instead.
// Source: Kang et al., A Promising Semantics for Relaxed-Memory Concurrency, without promises.

#ifndef VMBUS_TEST_WEAK_MEMORY_H_
#define VMBUS_TEST_WEAK_MEMORY_H_

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "../core/ring_control_unsafe.h"

namespace vmbus::weak {

// The control words, and one cell that stands for packet bytes.
enum Cell : int {
  kCellWrite,
  kCellRead,
  kCellMask,
  kCellPending,
  kCellFeatures,
  kCellData,
  kCells
};

using View = std::array<int, kCells>;  // per cell: number of the oldest value still visible

inline View Join(View a, const View& b) {
  for (size_t i = 0; i < a.size(); i++) a[i] = std::max(a[i], b[i]);
  return a;
}

// All choices of one execution, and the way to the next one.
class Choices {
 public:
  int Pick(int alternatives) {
    if (next_ == taken_.size()) taken_.push_back({0, alternatives});
    return taken_[next_++].chosen;
  }
  // False when every execution was seen.
  bool Advance() {
    while (!taken_.empty() && taken_.back().chosen + 1 == taken_.back().alternatives) {
      taken_.pop_back();
    }
    if (taken_.empty()) return false;
    taken_.back().chosen += 1;
    next_ = 0;
    return true;
  }

 private:
  struct Choice {
    int chosen, alternatives;
  };
  std::vector<Choice> taken_;
  size_t next_ = 0;
};

// One execution: memory, two threads, and the turn-taking between them.
class Machine {
 public:
  Machine(Choices& choices, const std::array<uint32_t, kCells>& initial, core::Edge omitted)
      : choices_(choices), omitted_(omitted) {
    for (size_t i = 0; i < kCells; i++) cells_[i].push_back({initial[i], View{}});
  }

  void Run(std::function<void()> first, std::function<void()> second) {
    bodies_ = {std::move(first), std::move(second)};
    for (current_ = 0; current_ < 2; current_++) Start();  // up to the first access
    while (!done_[0] || !done_[1]) {
      current_ = done_[0] ? 1 : done_[1] ? 0 : static_cast<size_t>(choices_.Pick(2));
      swapcontext(&scheduler_, &contexts_[current_]);
    }
  }

  uint32_t Load(Cell cell, core::Edge edge) {
    if (cell != kCellFeatures) Yield();  // nobody stores that one: no turn to take
    Thread& thread = threads_[current_];
    const auto oldest = thread.now[cell];
    const auto newest = static_cast<int>(cells_[cell].size()) - 1;
    const int seen = newest - choices_.Pick(newest - oldest + 1);
    const Message& message = cells_[cell][static_cast<size_t>(seen)];
    thread.now[cell] = seen;
    thread.fenced = Join(Join(thread.fenced, thread.now), message.knowledge);
    if (Ordered(edge)) thread.now = Join(thread.now, message.knowledge);
    return message.value;
  }

  void Store(Cell cell, uint32_t value, core::Edge edge) {
    Yield();
    Thread& thread = threads_[current_];
    thread.now[cell] = static_cast<int>(cells_[cell].size());
    thread.fenced = Join(thread.fenced, thread.now);
    View knowledge = Ordered(edge) ? thread.now : thread.released;
    knowledge[cell] = thread.now[cell];
    cells_[cell].push_back({value, knowledge});
  }

  void Fence(core::Edge edge) {
    if (!Ordered(edge)) return;
    Yield();
    Thread& thread = threads_[current_];
    everyone_ = Join(everyone_, thread.fenced);
    thread.now = thread.fenced = thread.released = everyone_;
  }

 private:
  struct Message {
    uint32_t value;
    View knowledge;
  };
  struct Thread {
    View now{};       // what loads must respect
    View fenced{};    // what they must respect after the next fence
    View released{};  // what a relaxed store carries: the knowledge of the last fence
  };

  bool Ordered(core::Edge edge) const { return edge != core::Edge::kUnordered && edge != omitted_; }

  // Every access is a point where the other thread may go first.
  void Yield() { swapcontext(&contexts_[current_], &scheduler_); }

  void Start() {
    ucontext_t& context = contexts_[current_];
    getcontext(&context);
    context.uc_stack.ss_sp = stacks_[current_].data();
    context.uc_stack.ss_size = stacks_[current_].size();
    context.uc_link = &scheduler_;
    running_ = this;
    makecontext(&context, &Machine::Enter, 0);
    swapcontext(&scheduler_, &context);
  }

  static void Enter() {
    Machine& machine = *running_;
    const size_t self = machine.current_;
    machine.bodies_[self]();
    machine.done_[self] = true;
  }

  static inline Machine* running_ = nullptr;  // makecontext passes no pointer
  static inline std::array<std::array<char, 256 * 1024>, 2> stacks_;

  Choices& choices_;
  core::Edge omitted_;
  std::array<std::vector<Message>, kCells> cells_;
  View everyone_{};
  std::array<Thread, 2> threads_;
  std::array<std::function<void()>, 2> bodies_;
  std::array<ucontext_t, 2> contexts_{};
  std::array<bool, 2> done_{};
  ucontext_t scheduler_{};
  size_t current_ = 0;
};

// What core::ControlWords is on real memory.
class ModelWords {
 public:
  explicit ModelWords(Machine& machine) : machine_(machine) {}

  template <core::Edge kEdge>
  uint32_t Load(core::Word word) const {
    return machine_.Load(CellOf(word), kEdge);
  }
  template <core::Edge kEdge>
  void Store(core::Word word, uint32_t value) const {
    machine_.Store(CellOf(word), value, kEdge);
  }
  template <core::Edge kEdge>
  void Fence() const {
    machine_.Fence(kEdge);
  }

 private:
  static Cell CellOf(core::Word word) {
    switch (word) {
      case core::Word::kWriteIndex:
        return kCellWrite;
      case core::Word::kReadIndex:
        return kCellRead;
      case core::Word::kInterruptMask:
        return kCellMask;
      case core::Word::kPendingSendSize:
        return kCellPending;
      case core::Word::kFeatureBits:
        return kCellFeatures;
    }
    return kCellFeatures;
  }

  Machine& machine_;
};

}  // namespace vmbus::weak

#endif  // VMBUS_TEST_WEAK_MEMORY_H_
