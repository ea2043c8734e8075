// SPDX-License-Identifier: MIT
//
// Brute force: every packet size at every start offset with every amount of bytes already in the
// ring, against the reference ring, in both directions, on a ring small enough to try all of it.

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "check.h"
#include "ring_fixture.h"

namespace {

using vmbus::core::RingReader;
using vmbus::core::RingWriter;
using vmbus::core::Violation;
using namespace vmbus::test;  // NOLINT: a test file

constexpr uint32_t kData = 256;

std::string Case(uint32_t start, uint32_t filled, uint32_t bytes) {
  return "start " + std::to_string(start) + ", filled " + std::to_string(filled) + ", body " +
         std::to_string(bytes);
}

// A ring whose reader stands at `start` and that holds one packet of `filled` bytes in all.
vmbus::reference::Packet Prefill(const TestRing& ring, uint32_t start, uint32_t filled) {
  ring.Restart(start);
  ring.Fill(std::byte{0xee});
  vmbus::reference::Packet first{.id = 77, .body = {}};
  if (filled == 0) return first;
  first.body = Body(filled - 24, filled);
  vmbus::reference::Writer writer(ring.reference());
  Check(writer.Put(first), "prefill");
  (void)writer.Publish();
  return first;
}

bool SameRing(const TestRing& a, const TestRing& b) {
  return std::memcmp(a.memory().data, b.memory().data, kData) == 0 &&
         std::memcmp(a.memory().header, b.memory().header, kPage) == 0;
}

// Every byte of the ring must come out the same as the reference's, and the same bodies must fit.
void WriterAgreesEverywhere() {
  const TestRing ours(kData);
  const TestRing theirs(kData);
  for (uint32_t start = 0; start < kData; start += 8) {
    for (uint32_t filled = 0; filled < kData; filled += filled == 0 ? 24 : 8) {
      for (uint32_t bytes = 0; bytes <= kData; bytes++) {
        Prefill(ours, start, filled);
        Prefill(theirs, start, filled);
        const vmbus::reference::Packet packet{.flags = 1, .id = bytes, .body = Body(bytes, bytes)};
        RingWriter writer(ours.memory());
        vmbus::reference::Writer judge(theirs.reference());

        const bool written = writer.Write(View(packet)) == RingWriter::Status::kWritten;
        const bool doorbell = writer.Publish();
        const bool fits = judge.Put(packet);
        const bool signal = judge.Publish();

        const std::string what = Case(start, filled, bytes);
        if (!CheckEqual(written, fits, what)) return;
        if (!CheckEqual(doorbell, signal, "doorbell, " + what)) return;
        if (!Check(SameRing(ours, theirs), "ring bytes, " + what)) return;
      }
    }
  }
}

bool DrainsThe(const vmbus::reference::Packet& expected, const Inbox& inbox, uint32_t row,
               const std::string& what) {
  return Check(inbox.Row(row) == Padded(expected), "packet " + std::to_string(row) + ", " + what);
}

void ReaderAgreesEverywhere() {
  const TestRing ring(kData);
  Inbox inbox(512, 4);
  for (uint32_t start = 0; start < kData; start += 8) {
    for (uint32_t filled = 0; filled < kData; filled += filled == 0 ? 24 : 8) {
      for (uint32_t bytes = 0; bytes <= kData; bytes++) {
        const auto first = Prefill(ring, start, filled);
        const vmbus::reference::Packet packet{.id = bytes, .body = Body(bytes, bytes)};
        vmbus::reference::Writer writer(ring.reference());
        if (!writer.Put(packet)) continue;
        (void)writer.Publish();
        RingReader reader(ring.memory());

        const auto batch = inbox.Drain(reader);

        const std::string what = Case(start, filled, bytes);
        const uint32_t expected = filled == 0 ? 1 : 2;
        if (!CheckEqual(batch.count, expected, what)) return;
        if (filled != 0 && !DrainsThe(first, inbox, 0, what)) return;
        if (!DrainsThe(packet, inbox, expected - 1, what)) return;
        if (!CheckEqual(reader.read_index(), ring.reference().Get(vmbus::reference::kW), what)) {
          return;
        }
      }
    }
  }
}

// Every offset8 a packet can have: header bytes and payload split where it says.
void OffsetsSplitEverywhere() {
  const TestRing ring(kData);
  Inbox inbox(512, 4);
  for (uint32_t start = 0; start < kData; start += 8) {
    for (uint16_t units = 2; units <= 20; units++) {
      for (uint16_t offset = 2; offset <= units; offset++) {
        ring.Restart(start);
        RingWriter writer(ring.memory());
        RingReader reader(ring.memory());
        const vmbus::reference::Packet packet{
            .type = 7, .offset8 = offset, .id = start, .body = Body((units - 2) * 8u, units)};
        (void)writer.Write(View(packet));
        (void)writer.Publish();

        const auto batch = inbox.Drain(reader);

        if (!CheckEqual(batch.count, 1u, "count")) return;
        if (!DrainsThe(packet, inbox, 0, Case(start, offset, units * 8u))) return;
        if (!CheckEqual(inbox.index()[3], (units - offset) * 8, "payload length")) return;
      }
    }
  }
}

// The data pages twice in a row: copies run over the end instead of splitting.
void DoubleMappingGivesTheSameBytes() {
  const int fd = memfd_create("ring", MFD_CLOEXEC);
  if (!Check(fd >= 0 && ftruncate(fd, 2 * kPage) == 0, "memfd")) return;
  void* space = mmap(nullptr, 3 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* base = static_cast<std::byte*>(space);
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  mmap(base, 2 * kPage, kAccess, MAP_SHARED | MAP_FIXED, fd, 0);
  mmap(base + 2 * kPage, kPage, kAccess, MAP_SHARED | MAP_FIXED, fd, kPage);
  const vmbus::core::RingMemory doubled{base, base + kPage, kPage, true};
  const vmbus::core::RingMemory single{base, base + kPage, kPage, false};
  const vmbus::reference::Ring words{base, base + kPage, kPage};
  Inbox inbox(2 * kPage, 4);
  for (uint32_t start = kPage - 256; start < kPage; start += 8) {
    for (uint32_t bytes = 0; bytes <= 320; bytes += 1) {
      for (const bool write_doubled : {false, true}) {
        vmbus::core::ResetRing(single);
        words.Set(vmbus::reference::kW, start);
        words.Set(vmbus::reference::kR, start);
        RingWriter writer(write_doubled ? doubled : single);
        RingReader reader(write_doubled ? single : doubled);
        const vmbus::reference::Packet packet{.id = bytes, .body = Body(bytes, bytes)};
        (void)writer.Write(View(packet));
        (void)writer.Publish();
        if (!CheckEqual(inbox.Drain(reader).count, 1u, Case(start, 0, bytes))) return;
        if (!DrainsThe(packet, inbox, 0, Case(start, 0, bytes))) return;
      }
    }
  }
  munmap(space, 3 * kPage);
  close(fd);
}

// However small arena, index and max_packets are, every packet comes once and in order.
void AnyBatchSizeDrainsEverything() {
  for (uint32_t arena_units = 0; arena_units <= 12; arena_units++) {
    for (uint32_t rows = 1; rows <= 5; rows++) {
      const TestRing ring(kData, 200);
      RingWriter writer(ring.memory());
      RingReader reader(ring.memory());
      Inbox inbox(arena_units * 8, rows);
      for (uint64_t id = 0; id < 5; id++) {
        (void)writer.Write(View({.id = id, .body = Body(id * 8, id)}));
      }
      (void)writer.Publish();
      uint64_t next = 0;
      for (;;) {
        const auto batch = inbox.Drain(reader);
        if (batch.count == 0) {
          const bool too_large = next < 5 && next > arena_units;
          CheckEqual(batch.needed, too_large ? static_cast<uint32_t>(next * 8) : 0u, "needed");
          CheckEqual(batch.violation, Violation::kNone, "violation");
          CheckEqual(next, std::min<uint64_t>(5, arena_units + 1), "packets that fit the arena");
          break;
        }
        for (uint32_t row = 0; row < batch.count; row++, next++) {
          DrainsThe({.id = next, .body = Body(next * 8, next)}, inbox, row, "small batches");
        }
      }
    }
  }
}

}  // namespace

int main() {
  Test("the writer agrees with the reference at every size, offset and fill",
       WriterAgreesEverywhere);
  Test("the reader agrees with the reference at every size, offset and fill",
       ReaderAgreesEverywhere);
  Test("headers and payload are split at every offset", OffsetsSplitEverywhere);
  Test("a double mapping gives the same bytes", DoubleMappingGivesTheSameBytes);
  Test("any batch size drains everything once and in order", AnyBatchSizeDrainsEverything);
  return Summary();
}
