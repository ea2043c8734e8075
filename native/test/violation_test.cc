// SPDX-License-Identifier: MIT
//
// Every violation, provoked by a hostile peer: found before the number is used, named, and final.

#include <string>

#include "check.h"
#include "ring_fixture.h"

namespace {

using vmbus::core::RingReader;
using vmbus::core::RingWriter;
using vmbus::core::Violation;
using namespace vmbus::test;  // NOLINT: a test file
namespace reference = vmbus::reference;

constexpr uint32_t kData = 256;

struct HostileIndex {
  const char* what;
  uint32_t value;
  Violation expected;
};

void CheckDead(RingReader& reader, Violation expected, const std::string& what) {
  Inbox inbox;
  for (int attempt = 0; attempt < 2; attempt++) {
    const auto batch = inbox.Drain(reader);
    CheckEqual(batch.violation, expected, what);
    CheckEqual(batch.count, 0u, what + ": packets");
  }
  CheckEqual(reader.violation(), expected, what);
  Check(!reader.Arm(), what + ": a dead ring is never armed");
}

void HostileWriteIndexStopsTheReader() {
  const HostileIndex cases[] = {
      {"just outside", kData, Violation::kWriteIndexRange},
      {"far outside", 0xfffffff8, Violation::kWriteIndexRange},
      {"misaligned", 4, Violation::kWriteIndexAlignment},
      {"misaligned at the end", kData - 1, Violation::kWriteIndexAlignment},
      {"half a descriptor", 8, Violation::kPartialDescriptor},
  };
  for (const HostileIndex& hostile : cases) {
    const TestRing ring(kData);
    RingReader reader(ring.memory());

    ring.reference().Set(reference::kW, hostile.value);

    CheckDead(reader, hostile.expected, hostile.what);
  }
}

void WriteIndexMayOnlyMoveForward() {
  const TestRing ring(kData);
  reference::Writer writer(ring.reference());
  RingReader reader(ring.memory());
  Inbox inbox;
  (void)writer.Put({.body = Body(40, 1)});
  (void)writer.Publish();
  (void)inbox.Drain(reader);

  ring.reference().Set(reference::kW, 32);  // into what is drained and not given back

  CheckDead(reader, Violation::kWriteIndexBackwards, "backwards");
}

void WriteIndexMayNotMoveBackOverPacketsNotTaken() {
  const TestRing ring(kData);
  reference::Writer writer(ring.reference());
  RingReader reader(ring.memory());
  Inbox inbox;
  for (int i = 0; i < 3; i++) (void)writer.Put({.body = Body(8, 1)});
  (void)writer.Publish();
  (void)inbox.Drain(reader, 1);
  (void)reader.Publish();

  ring.reference().Set(reference::kW, 32);  // where the first packet ended: the others are gone

  Check(!reader.Arm(), "not armed");
  CheckDead(reader, Violation::kWriteIndexBackwards, "back over packets");
}

void HostileWriteIndexWhenPublishing() {
  const TestRing ring(kData);
  reference::Writer writer(ring.reference());
  RingReader reader(ring.memory());
  Inbox inbox;
  (void)writer.Put({.body = Body(8, 1)});
  (void)writer.Publish();
  (void)inbox.Drain(reader);
  ring.reference().Set(reference::kPending, 64);
  ring.reference().Set(reference::kW, 0xdeadbeef);

  const bool doorbell = reader.Publish();

  Check(!doorbell, "no doorbell on nonsense");
  CheckEqual(reader.violation(), Violation::kWriteIndexRange, "publish");
}

void HostileReadIndexAtTheStart() {
  for (const bool as_reader : {true, false}) {
    for (const auto& [value, expected] :
         {std::pair{kData, Violation::kReadIndexRange}, {12u, Violation::kReadIndexAlignment}}) {
      const TestRing ring(kData);
      ring.reference().Set(reference::kR, value);
      if (as_reader) {
        RingReader reader(ring.memory());
        CheckDead(reader, expected, "reader start");
      } else {
        RingWriter writer(ring.memory());
        CheckEqual(writer.violation(), expected, "writer start");
        CheckEqual(writer.Write({6, 0, 2, 0, {}}), RingWriter::Status::kViolation, "write");
      }
    }
  }
}

void HostileWriteIndexAtTheStartOfAWriter() {
  for (const auto& [value, expected] :
       {std::pair{kData, Violation::kWriteIndexRange}, {12u, Violation::kWriteIndexAlignment}}) {
    const TestRing ring(kData);
    ring.reference().Set(reference::kW, value);
    RingWriter writer(ring.memory());
    CheckEqual(writer.violation(), expected, "writer start");
  }
}

void HostileReadIndexStopsTheWriter() {
  const HostileIndex cases[] = {
      {"just outside", kData, Violation::kReadIndexRange},
      {"far outside", 0x80000000, Violation::kReadIndexRange},
      {"misaligned", 20, Violation::kReadIndexAlignment},
      {"beyond what was published", 240, Violation::kReadIndexBeyondWrite},
  };
  for (const HostileIndex& hostile : cases) {
    const TestRing ring(kData);
    RingWriter writer(ring.memory());
    const auto body = Body(208, 1);
    (void)writer.Write({6, 0, 2, 0, body});
    (void)writer.Publish();

    ring.reference().Set(reference::kR, hostile.value);

    CheckEqual(writer.Write({6, 0, 2, 0, body}), RingWriter::Status::kViolation, hostile.what);
    CheckEqual(writer.violation(), hostile.expected, hostile.what);
    ring.reference().Set(reference::kR, 0);
    CheckEqual(writer.Write({6, 0, 2, 0, {}}), RingWriter::Status::kViolation, "final");
    Check(writer.AwaitSpace(8), "nobody sleeps on a dead ring");
    CheckEqual(writer.free_bytes(), 0u, "free");
  }
}

void ReadIndexMayNotMoveBackwards() {
  const TestRing ring(kData);
  RingWriter writer(ring.memory());
  reference::Reader reader(ring.reference());
  const auto body = Body(64, 1);
  (void)writer.Write({6, 0, 2, 0, body});
  (void)writer.Publish();
  (void)reader.Next();
  (void)reader.Publish();
  CheckEqual(writer.free_bytes(), kData, "all free");

  ring.reference().Set(reference::kR, 0);

  CheckEqual(writer.free_bytes(), 0u, "free");
  CheckEqual(writer.violation(), Violation::kReadIndexBeyondWrite, "backwards");
}

void HostileReadIndexWhileBlocked() {
  const TestRing ring(kData);
  RingWriter writer(ring.memory());
  const auto body = Body(208, 1);
  (void)writer.Write({6, 0, 2, 0, body});
  (void)writer.Publish();
  ring.reference().Set(reference::kR, 9);

  Check(writer.AwaitSpace(208), "a violation is no reason to sleep");

  CheckEqual(writer.violation(), Violation::kReadIndexAlignment, "violation");
  CheckEqual(ring.reference().Get(reference::kPending), 0u, "the wish is withdrawn");
}

struct HostileDescriptor {
  const char* what;
  uint16_t type, offset8, length8, flags;
  Violation expected;
};

// One sound packet of 32 bytes, then the hostile one; 64 bytes are published behind it.
void HostileDescriptorsStopTheReader() {
  const HostileDescriptor cases[] = {
      {"length 0", 6, 2, 0, 0, Violation::kPacketTooShort},
      {"length 1", 6, 2, 1, 0, Violation::kPacketTooShort},
      {"one unit too long", 6, 2, 8, 0, Violation::kPacketBeyondUsed},
      {"longest", 6, 2, 0xffff, 0, Violation::kPacketBeyondUsed},
      {"payload in the descriptor", 6, 0, 4, 0, Violation::kPayloadOffset},
      {"payload at unit 1", 6, 1, 4, 0, Violation::kPayloadOffset},
      {"payload behind the packet", 6, 5, 4, 0, Violation::kPayloadOffset},
      {"payload far behind", 6, 0xffff, 4, 0, Violation::kPayloadOffset},
      {"flag 1", 6, 2, 4, 2, Violation::kUnknownFlag},
      {"all flags", 6, 2, 4, 0xffff, Violation::kUnknownFlag},
      {"type 0", 0, 2, 4, 0, Violation::kUnknownType},
      {"type 14", 14, 2, 4, 0, Violation::kUnknownType},
      {"type 0xffff", 0xffff, 2, 4, 0, Violation::kUnknownType},
  };
  for (const HostileDescriptor& hostile : cases) {
    const TestRing ring(kData, 200);
    reference::Writer writer(ring.reference());
    RingReader reader(ring.memory());
    Inbox inbox;
    (void)writer.Put({.body = Body(8, 1)});
    (void)writer.Put({.body = Body(40, 2)});
    (void)writer.Publish();
    const auto words = ring.reference();
    words.SetNumber(232, hostile.type, 2);
    words.SetNumber(234, hostile.offset8, 2);
    words.SetNumber(236, hostile.length8, 2);
    words.SetNumber(238, hostile.flags, 2);

    const auto batch = inbox.Drain(reader);

    CheckEqual(batch.count, 1u, std::string(hostile.what) + ": the sound packet comes first");
    CheckEqual(batch.violation, Violation::kNone, hostile.what);
    CheckEqual(reader.violation(), hostile.expected, hostile.what);
    CheckDead(reader, hostile.expected, hostile.what);
    Check(!reader.Publish(), "no doorbell");
    CheckEqual(words.Get(reference::kR), 232u, "the sound packet is given back");
  }
}

void BoundaryDescriptorsAreSound() {
  for (const uint16_t type : std::initializer_list<uint16_t>{1, 6, 7, 9, 11, 13}) {
    const TestRing ring(kData);
    reference::Writer writer(ring.reference());
    RingReader reader(ring.memory());
    Inbox inbox;
    (void)writer.Put({.type = type, .offset8 = 2, .flags = 1, .body = {}});
    (void)writer.Put({.type = type, .offset8 = 7, .flags = 0, .body = Body(40, 2)});
    (void)writer.Publish();

    const auto batch = inbox.Drain(reader);

    CheckEqual(batch.count, 2u, "empty packet, packet of headers only");
    CheckEqual(inbox.index()[9], 0, "payload length of a packet of headers only");
  }
}

void UnusableMemoryIsRefused() {
  alignas(8) static std::byte memory[2 * kPage];
  const vmbus::core::RingMemory cases[] = {
      {memory, memory + kPage, 0},
      {memory, memory + kPage, 40},
      {memory, memory + kPage, 252},
      {memory, memory + kPage, (1u << 30) + 8},
      {nullptr, memory + kPage, kPage},
      {memory, nullptr, kPage},
      vmbus::core::RingAt(memory, 100, kPage),
  };
  for (const auto& memory_case : cases) {
    RingReader reader(memory_case);
    RingWriter writer(memory_case);
    reader.Mask();
    CheckDead(reader, Violation::kGeometry, "reader");
    CheckEqual(writer.Write({6, 0, 2, 0, {}}), RingWriter::Status::kViolation, "writer");
    CheckEqual(writer.violation(), Violation::kGeometry, "writer");
    Check(!writer.Publish() && !reader.Publish(), "nothing to publish");
  }
}

void EveryViolationHasANameOfItsOwn() {
  for (int32_t a = 0; a <= 13; a++) {
    const std::string name = ViolationName(static_cast<Violation>(a));
    Check(name != "unknown violation", "number " + std::to_string(a));
    for (int32_t b = 0; b < a; b++) {
      Check(name != ViolationName(static_cast<Violation>(b)), name);
    }
  }
  Check(std::string(ViolationName(static_cast<Violation>(14))) == "unknown violation", "the end");
}

}  // namespace

int main() {
  Test("a hostile write index stops the reader", HostileWriteIndexStopsTheReader);
  Test("the write index may not move into bytes not given back", WriteIndexMayOnlyMoveForward);
  Test("the write index may not move back over packets",
       WriteIndexMayNotMoveBackOverPacketsNotTaken);
  Test("a hostile write index is found when publishing", HostileWriteIndexWhenPublishing);
  Test("a hostile read index is found at the start", HostileReadIndexAtTheStart);
  Test("a hostile write index stops a new writer", HostileWriteIndexAtTheStartOfAWriter);
  Test("a hostile read index stops the writer", HostileReadIndexStopsTheWriter);
  Test("the read index may not move backwards", ReadIndexMayNotMoveBackwards);
  Test("a hostile read index does not leave the writer asleep", HostileReadIndexWhileBlocked);
  Test("hostile descriptors stop the reader", HostileDescriptorsStopTheReader);
  Test("descriptors at the bounds are sound", BoundaryDescriptorsAreSound);
  Test("memory that is no ring is refused", UnusableMemoryIsRefused);
  Test("every violation has a name of its own", EveryViolationHasANameOfItsOwn);
  return Summary();
}
