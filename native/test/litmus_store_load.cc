// SPDX-License-Identifier: MIT
//
// The four full fences on real processors: two threads on two cores run the two halves of a
// handshake at the same moment, over and over. "Both saw nothing" must never happen; without one of
// the fences the store buffers of the cores make it happen soon.
//   litmus_store_load wake|space ROUNDS SECONDS
// Ends with status 0 when all rounds (or the time) passed, 3 when both saw nothing, 2 when the
// machine has one processor only. Run by scripts/test-core.mjs, with and without each fence.

#include <cstdlib>
#include <string_view>

#include "ring_fixture.h"
#include "two_threads.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using vmbus::core::RingReader;
using vmbus::core::RingWriter;
using Clock = std::chrono::steady_clock;

// Brings both threads to the same moment, again and again.
class Meeting {
 public:
  void Meet(int self) {
    const uint64_t round = ++arrived_[self].count;
    arrived_[self].at.store(round, std::memory_order_release);
    for (int spins = 0; arrived_[1 - self].at.load(std::memory_order_acquire) < round; spins++) {
      if (spins == 4096) sched_yield();
    }
  }

 private:
  struct alignas(128) Side {
    std::atomic<uint64_t> at{0};
    uint64_t count = 0;
  };
  Side arrived_[2];
};

// Shifts the two halves against each other a little differently in each round.
void Stagger(int self, uint64_t round) {
  const auto shift = static_cast<int>(round % 32) - 16;
  const int spins = self == 0 ? shift : -shift;
  for (volatile int i = 0; i < spins;) i = i + 1;
}

// What both handshakes have in common: prepare, act at the same moment, compare.
struct Handshake {
  RingWriter& writer;
  RingReader& reader;
  Inbox& inbox;
  bool (*prepare)(Handshake&);
  bool (*writer_half)(Handshake&);  // true: saw nothing
  bool (*reader_half)(Handshake&);  // true: saw nothing
};

void Fill(RingWriter& writer) {
  const std::byte body[40] = {};
  while (writer.Write({6, 0, 2, 0, body}) == RingWriter::Status::kWritten) continue;
  (void)writer.Publish();
}

void Empty(Handshake& shake) {
  shake.reader.Mask();
  while (shake.inbox.Drain(shake.reader).count != 0) continue;
}

// A packet comes while the reader goes to sleep: no doorbell on one side, asleep on the other.
constexpr auto kPrepareWake = [](Handshake& shake) {
  Empty(shake);
  (void)shake.reader.Publish();
  return shake.writer.Write({6, 0, 2, 0, {}}) == RingWriter::Status::kWritten;
};
constexpr auto kWriterWakes = [](Handshake& shake) { return !shake.writer.Publish(); };
constexpr auto kReaderSleeps = [](Handshake& shake) { return shake.reader.Arm(); };

// Space comes while the writer goes to sleep.
constexpr auto kPrepareSpace = [](Handshake& shake) {
  shake.writer.ClearAwaitSpace();
  Fill(shake.writer);
  Empty(shake);
  return true;
};
constexpr auto kWriterSleeps = [](Handshake& shake) { return !shake.writer.AwaitSpace(400); };
constexpr auto kReaderWakes = [](Handshake& shake) { return !shake.reader.Publish(); };

class Litmus {
 public:
  Litmus(Handshake& shake, const TestRing& ring) : shake_(shake), ring_(ring) {}

  // True when both sides saw nothing in some round.
  bool Run(uint64_t rounds, Clock::time_point deadline) {
    const Watchdog watchdog("litmus", round_, std::chrono::seconds(60));
    std::thread other([this] { Other(); });
    (void)PinToProcessor(0);
    bool seen = false;
    for (uint64_t round = 0; round < rounds && !seen; round++) {
      if (!shake_.prepare(shake_)) break;
      round_.store(round, std::memory_order_relaxed);
      const bool mine = Act(0, shake_.writer_half);
      meeting_.Meet(0);
      seen = mine && others_;
      if (round % 1024 == 0 && Clock::now() > deadline) break;
    }
    over_ = true;
    meeting_.Meet(0);
    other.join();
    std::printf("%s after %llu rounds\n", seen ? "both saw nothing" : "fine",
                static_cast<unsigned long long>(round_.load()));
    return seen;
  }

 private:
  // Both cores hold the header's line before they start: so a load is quick and a store is not.
  bool Act(int self, bool (*half)(Handshake&)) {
    meeting_.Meet(self);
    if (over_) return false;
    const auto words = vmbus::core::SnapshotRing(ring_.memory());
    touched_[self] = words.write_index + words.feature_bits;
    meeting_.Meet(self);
    Stagger(self, round_.load(std::memory_order_relaxed));
    return half(shake_);
  }

  void Other() {
    (void)PinToProcessor(1);
    for (;;) {
      const bool mine = Act(1, shake_.reader_half);
      if (over_) return;
      others_ = mine;
      meeting_.Meet(1);
    }
  }

  Handshake& shake_;
  const TestRing& ring_;
  Meeting meeting_;
  std::atomic<uint64_t> round_{0};
  volatile uint32_t touched_[2] = {};
  bool others_ = false;  // looked at only right after a meeting, as is over_
  bool over_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  if (Processors() < 2) return 2;
  const TestRing ring(1024);
  RingWriter writer(ring.memory());
  RingReader reader(ring.memory());
  Inbox inbox(1 << 16, 256);
  const bool wake = std::string_view(argv[1]) == "wake";
  Handshake shake{writer,
                  reader,
                  inbox,
                  wake ? +kPrepareWake : +kPrepareSpace,
                  wake ? +kWriterWakes : +kWriterSleeps,
                  wake ? +kReaderSleeps : +kReaderWakes};
  const auto deadline = Clock::now() + std::chrono::seconds(std::atoi(argv[3]));
  return Litmus(shake, ring).Run(std::strtoull(argv[2], nullptr, 10), deadline) ? 3 : 0;
}
