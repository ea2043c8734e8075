// SPDX-License-Identifier: MIT
//
// The handshakes of native/core/ring_handshake.h on a model of weakly ordered memory, which shows
// what x86 never does. Each scenario runs with every edge present, and once with each edge omitted:
// exactly the edges that the scenario is about must make it fail.

#include <algorithm>
#include <string>

#include "../core/ring_handshake.h"
#include "../core/ring_layout.h"
#include "check.h"
#include "weak_memory.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using vmbus::core::Edge;
using vmbus::core::Word;
using namespace vmbus::weak;  // NOLINT: a test file
namespace core = vmbus::core;

constexpr uint32_t kData = 64;
constexpr uint32_t kPacket = 24;

struct Start {
  uint32_t write_index, read_index, mask, pending, features;
};

struct Outcome {
  bool bad = false;
  uint64_t executions = 0;
};

// Runs every execution of two threads until one ends badly. The body gets the words, runs both
// threads and says whether the end is bad.
template <typename Body>
Outcome Explore(const Start& start, Edge omitted, Body body) {
  Choices choices;
  Outcome outcome;
  do {
    Machine machine(
        choices,
        {start.write_index, start.read_index, start.mask, start.pending, start.features, 0},
        omitted);
    outcome.executions += 1;
    outcome.bad = body(machine);
  } while (!outcome.bad && choices.Advance());
  return outcome;
}

// A packet is published while the reader goes to sleep: one of them must notice the other.
Outcome LostWake(Edge omitted) {
  return Explore({0, 0, 1, 0, 1}, omitted, [](Machine& machine) {
    const ModelWords words(machine);
    bool doorbell = false;
    bool asleep = false;
    machine.Run([&] { doorbell = core::PublishWrites(words, 0, kPacket); },
                [&] { asleep = core::Unmask(words) == 0; });
    return asleep && !doorbell;
  });
}

// Two packets, published one by one, and a reader that drains and goes to sleep in between.
Outcome LostWakeOfASecondPacket(Edge omitted) {
  return Explore({0, 0, 0, 0, 0}, omitted, [](Machine& machine) {
    const ModelWords words(machine);
    bool doorbell = false;
    uint32_t taken = 0;
    machine.Run(
        [&] {
          (void)core::PublishWrites(words, 0, kPacket);
          doorbell = core::PublishWrites(words, kPacket, 2 * kPacket);
        },
        [&] {
          core::MaskWakes(words);
          taken = words.Load<Edge::kWriteIndexThenData>(Word::kWriteIndex);
          if (taken != 0) (void)core::PublishReads(words, taken);
          if (core::Unmask(words) != taken) taken = 2 * kPacket;  // it goes on: never lost
        });
    return taken == kPacket && !doorbell;
  });
}

// The bytes of a packet, seen through either way of learning its index.
Outcome StaleBytes(Edge omitted) {
  return Explore({0, 0, 1, 0, 1}, omitted, [](Machine& machine) {
    const ModelWords words(machine);
    bool stale = false;
    machine.Run(
        [&] {
          machine.Store(kCellData, 1, Edge::kUnordered);
          (void)core::PublishWrites(words, 0, kPacket);
        },
        [&] {
          if (words.Load<Edge::kWriteIndexThenData>(Word::kWriteIndex) == 0) return;
          stale = machine.Load(kCellData, Edge::kUnordered) != 1;
        });
    return stale;
  });
}

// The reader takes the only packet before it opens its mask. A writer that sees the mask open must
// see that too: a doorbell would be for nothing, and hosts punish guests for those.
Outcome DoorbellForNothing(Edge omitted) {
  return Explore({0, 0, 1, 0, 0}, omitted, [](Machine& machine) {
    const ModelWords words(machine);
    bool doorbell = false;
    bool took = false;
    machine.Run([&] { doorbell = core::PublishWrites(words, 0, kPacket); },
                [&] {
                  if (words.Load<Edge::kWriteIndexThenData>(Word::kWriteIndex) == 0) return;
                  took = true;
                  (void)core::PublishReads(words, kPacket);
                  (void)core::Unmask(words);
                });
    return took && doorbell;
  });
}

bool Rings(const core::BlockedWriter& writer, uint32_t read_index, uint32_t freed) {
  const uint32_t free_now = core::FreeBytes(writer.write_index, read_index, kData);
  return writer.waits && core::CrossesWanted(free_now, freed, writer.wanted);
}

// The ring is full; space comes while the writer goes to sleep: one must notice the other.
Outcome LostSpace(Edge omitted) {
  constexpr uint32_t kFull = 56;
  return Explore({kFull, 0, 1, 0, 1}, omitted, [](Machine& machine) {
    const ModelWords words(machine);
    bool asleep = false;
    bool doorbell = false;
    machine.Run(
        [&] {
          const uint32_t read_index = core::AskForSpace(words, 32);
          asleep = core::FreeBytes(kFull, read_index, kData) <= 32;
        },
        [&] { doorbell = Rings(core::PublishReads(words, kFull), kFull, kFull); });
    return asleep && !doorbell;
  });
}

// The writer adds a packet and is blocked; the reader frees too little. Paired with the write index
// of before that packet, its wish would look granted.
Outcome WakeWithoutSpace(Edge omitted) {
  return Explore({32, 0, 1, 0, 1}, omitted, [](Machine& machine) {
    const ModelWords words(machine);
    bool doorbell = false;
    machine.Run(
        [&] {
          (void)core::PublishWrites(words, 32, 56);
          (void)core::AskForSpace(words, 32);
        },
        [&] { doorbell = Rings(core::PublishReads(words, 24), 24, 24); });
    return doorbell && core::FreeBytes(56, 24, kData) <= 32;
  });
}

using Scenario = Outcome (*)(Edge);

// Green with all edges, red without each of the edges named, green without any other.
void Expect(Scenario scenario, std::initializer_list<Edge> needed) {
  const Outcome complete = scenario(Edge::kUnordered);
  Check(!complete.bad, "bad with every edge present");
  Check(complete.executions > 10, "hardly any executions");
  for (int edge = 1; edge <= core::kLastEdge; edge++) {
    const auto omitted = static_cast<Edge>(edge);
    const bool expected = std::find(needed.begin(), needed.end(), omitted) != needed.end();
    CheckEqual(scenario(omitted).bad, expected, "without edge " + std::to_string(edge));
  }
}

// The model itself, on the classic examples.
template <typename First, typename Second>
bool CanHappen(First first, Second second) {
  return Explore({}, Edge::kUnordered,
                 [&](Machine& machine) {
                   uint32_t a = 0;
                   uint32_t b = 0;
                   machine.Run([&] { first(machine, a); }, [&] { second(machine, b); });
                   return a == 0 && b == 0;
                 })
      .bad;
}

void TheModelReordersWhatHardwareMay() {
  constexpr auto kNone = Edge::kUnordered;
  constexpr auto kSome = Edge::kDataThenWriteIndex;
  const auto buffered = [](Cell mine, Cell other, bool fence) {
    return [=](Machine& machine, uint32_t& seen) {
      machine.Store(mine, 1, kSome);
      if (fence) machine.Fence(kSome);
      seen = machine.Load(other, kSome);
    };
  };
  Check(CanHappen(buffered(kCellRead, kCellMask, false), buffered(kCellMask, kCellRead, false)),
        "store buffering without fences");
  Check(CanHappen(buffered(kCellRead, kCellMask, true), buffered(kCellMask, kCellRead, false)),
        "store buffering with one fence");
  Check(!CanHappen(buffered(kCellRead, kCellMask, true), buffered(kCellMask, kCellRead, true)),
        "store buffering with two fences");

  const auto passes = [](Edge store, Edge load) {
    return CanHappen(
        [=](Machine& machine, uint32_t&) {
          machine.Store(kCellData, 1, kNone);
          machine.Store(kCellWrite, 1, store);
        },
        [=](Machine& machine, uint32_t& seen) {
          const bool told = machine.Load(kCellWrite, load) == 1;
          seen = machine.Load(kCellData, kNone) + (told ? 0 : 1);
        });
  };
  Check(passes(kNone, kNone) && passes(kNone, kSome) && passes(kSome, kNone),
        "message passing with a half missing");
  Check(!passes(kSome, kSome), "message passing by release and acquire");
}

}  // namespace

int main() {
  Test("the model reorders what hardware may, and nothing else", TheModelReordersWhatHardwareMay);
  Test("no wake is lost while the reader goes to sleep",
       [] { Expect(LostWake, {Edge::kWriteIndexThenMask, Edge::kUnmaskThenWriteIndex}); });
  Test("no wake is lost between two packets", [] {
    Expect(LostWakeOfASecondPacket, {Edge::kWriteIndexThenMask, Edge::kUnmaskThenWriteIndex});
  });
  Test("a packet's bytes are there when its index is",
       [] { Expect(StaleBytes, {Edge::kDataThenWriteIndex, Edge::kWriteIndexThenData}); });
  Test("no doorbell for a packet taken before the mask opened",
       [] { Expect(DoorbellForNothing, {Edge::kMaskThenReadIndex, Edge::kReadIndexThenUnmask}); });
  Test("no wake is lost while the writer goes to sleep",
       [] { Expect(LostSpace, {Edge::kReadIndexThenPending, Edge::kPendingThenReadIndex}); });
  Test("no wake for space that is not there",
       [] { Expect(WakeWithoutSpace, {Edge::kWriteIndexThenMask, Edge::kPendingThenWriteIndex}); });
  return Summary();
}
