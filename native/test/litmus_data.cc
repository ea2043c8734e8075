// SPDX-License-Identifier: MIT
//
// The orderings between packet bytes and indices, for ThreadSanitizer: one thread sends, one
// receives, and nothing but the ring's own acquires and releases orders their accesses to the data
// area. Without one of them the sanitizer reports a data race on packet bytes.
//   litmus_data PACKETS
// Built and run by scripts/test-core.mjs, with and without each edge.

#include <cstdlib>

#include "ring_fixture.h"
#include "two_threads.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using vmbus::core::RingReader;
using vmbus::core::RingWriter;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const uint64_t packets = std::strtoull(argv[1], nullptr, 10);
  const TestRing ring(512);
  RingWriter writer(ring.memory());
  RingReader reader(ring.memory());
  std::atomic<uint64_t> progress{0};
  const Watchdog watchdog("litmus", progress, std::chrono::seconds(60));

  std::thread producer([&] {
    const auto body = Body(24, 1);
    for (uint64_t id = 0; id < packets;) {
      const auto status = writer.Write({6, 0, 2, id, body});
      if (status == RingWriter::Status::kViolation) return;
      if (status == RingWriter::Status::kWritten) id += 1;
      (void)writer.Publish();
      if (status == RingWriter::Status::kFull) sched_yield();
    }
  });
  Inbox inbox(512, 8);
  while (reader.packets() < packets && reader.violation() == vmbus::core::Violation::kNone) {
    if (inbox.Drain(reader).count == 0) sched_yield();
    (void)reader.Publish();
    progress.store(reader.packets(), std::memory_order_relaxed);
  }
  producer.join();
  return reader.packets() == packets ? 0 : 1;
}
