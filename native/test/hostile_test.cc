// SPDX-License-Identifier: MIT
//
// A second thread scribbles over ring and indices while the reader drains: whatever is read twice
// or checked too early shows up as a row that does not fit its arena. Part of the core tier and of
// the address sanitizer's runs; not of the thread sanitizer's, for the races are the point.
//   hostile_test [packets]

#include <cstdlib>
#include <string>

#include "check.h"
#include "ring_fixture.h"
#include "two_threads.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using vmbus::core::RingReader;
using vmbus::core::RingWriter;
using vmbus::core::Violation;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kData = 512;

uint64_t enough = 60000;
constexpr auto kPatience = std::chrono::seconds(60);

// Sound descriptors with one number changed now and then, and indices that jump by a packet.
class Scribbler {
 public:
  // `rest` is how often, on average, an index is left alone before it is broken again.
  Scribbler(const TestRing& ring, uint32_t rest)
      : ring_(ring), rest_(rest), thread_([this] { Scribble(); }) {}
  ~Scribbler() {
    over_.store(true, std::memory_order_relaxed);
    thread_.join();
  }

 private:
  void Scribble() {
    (void)PinToProcessor(1);
    const auto words = ring_.reference();
    uint64_t state = 1;
    while (!over_.load(std::memory_order_relaxed)) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const auto pick = static_cast<uint32_t>(state >> 40);
      const uint32_t at = pick % (kData / 8) * 8;
      const uint64_t length = pick % 11 == 0 ? 0x2000 : 2 + pick / 64 % 5;
      const uint64_t offset = pick / 512 % 4 == 0 ? 7 : 2;
      Write64(words.data + at, 6 | offset << 16 | length << 32);
      if (pick % rest_ == 0) Write32(words.header, (pick / 7 % (kData / 8 + 1)) * 8);
      if (pick % rest_ == 1) Write32(words.header + 4, (pick / 11 % (kData / 8 + 1)) * 8);
      if (pick % 7 == 0) Write32(words.header + 12, pick % 600);
    }
  }

  static void Write64(std::byte* at, uint64_t value) {
    __atomic_store_n(reinterpret_cast<uint64_t*>(at), value, __ATOMIC_RELAXED);
  }
  static void Write32(std::byte* at, uint32_t value) {
    __atomic_store_n(reinterpret_cast<uint32_t*>(at), value, __ATOMIC_RELAXED);
  }

  const TestRing& ring_;
  uint32_t rest_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

bool RowsFit(const RingReader::Batch& batch, const Inbox& inbox) {
  uint32_t expected = 0;
  for (uint32_t row = 0; row < batch.count; row++) {
    const int32_t* words = &inbox.index()[row * vmbus::core::kIndexRowWords];
    const uint32_t headers = (static_cast<uint32_t>(words[1]) >> 16) * 8 - 16;
    if (static_cast<uint32_t>(words[2]) != expected + headers || words[3] < 0) return false;
    expected += headers + static_cast<uint32_t>(words[3]);
  }
  return expected == batch.arena_used && batch.bytes < kData;
}

void TheReaderStaysWithinItsBounds() {
  const TestRing ring(kData);
  const Scribbler scribbler(ring, 5);
  (void)PinToProcessor(0);
  Inbox inbox(kData, 32);
  uint64_t packets = 0;
  uint64_t violations = 0;
  const auto end = Clock::now() + kPatience;
  while ((packets < enough || violations < 100) && Clock::now() < end) {
    RingReader reader(ring.memory());
    for (int i = 0; i < 100 && reader.violation() == Violation::kNone; i++) {
      const auto batch = inbox.Drain(reader);
      if (!Check(RowsFit(batch, inbox), "rows and arena disagree")) return;
      if (!Check(reader.read_index() < kData, "read index")) return;
      packets += batch.count;
      (void)reader.Publish();
      (void)reader.Arm();
    }
    violations += reader.violation() != Violation::kNone;
  }
  Check(packets >= enough, "hardly any packets: " + std::to_string(packets));
  Check(violations >= 100, "hardly any violations: " + std::to_string(violations));
}

void TheWriterStaysWithinItsBounds() {
  const TestRing ring(kData);
  const Scribbler scribbler(ring, 300);
  (void)PinToProcessor(0);
  const auto body = Body(100, 1);
  uint64_t written = 0;
  uint64_t violations = 0;
  const auto end = Clock::now() + kPatience;
  while ((written < enough || violations < 100) && Clock::now() < end) {
    RingWriter writer(ring.memory());
    for (int i = 0; i < 100 && writer.violation() == Violation::kNone; i++) {
      const auto bytes = static_cast<uint32_t>(i) % 100;
      const auto status = writer.Write({6, 0, 2, 0, std::span(body).first(bytes)});
      written += status == RingWriter::Status::kWritten;
      (void)writer.Publish();
      if (!Check(writer.write_index() < kData, "write index")) return;
      if (status == RingWriter::Status::kFull && !writer.AwaitSpace(bytes)) {
        writer.ClearAwaitSpace();
      }
    }
    violations += writer.violation() != Violation::kNone;
  }
  Check(written >= enough, "hardly any packets: " + std::to_string(written));
  Check(violations >= 100, "hardly any violations: " + std::to_string(violations));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) enough = std::strtoull(argv[1], nullptr, 10);
  Test("a reader whose ring is scribbled over stays within its bounds",
       TheReaderStaysWithinItsBounds);
  Test("a writer whose ring is scribbled over stays within its bounds",
       TheWriterStaysWithinItsBounds);
  return Summary();
}
