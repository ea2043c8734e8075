// SPDX-License-Identifier: MIT
//
// The doorbell decisions of both ends and the full-ring protocol, case by case.
// Source: Linux drivers/hv/ring_buffer.c (hv_signal_on_write, hv_pkt_iter_close).

#include <string>

#include "check.h"
#include "ring_fixture.h"

namespace {

using vmbus::core::RingReader;
using vmbus::core::RingWriter;
using Status = vmbus::core::RingWriter::Status;
using namespace vmbus::test;  // NOLINT: a test file
namespace reference = vmbus::reference;

constexpr uint32_t kData = 256;

Status WriteBody(RingWriter& writer, uint32_t bytes) {
  return writer.Write(View({.body = Body(bytes, bytes)}));
}

struct DoorbellCase {
  const char* what;
  uint32_t mask;
  uint32_t packets_before;  // published earlier
  uint32_t taken_before;    // of those, read by the peer
  bool expected;
};

void WriterRingsOnlyForASleepingReaderOfAnEmptyRing() {
  const DoorbellCase cases[] = {
      {"first packet", 0, 0, 0, true},
      {"masked", 1, 0, 0, false},
      {"any mask value", 0x80000000, 0, 0, false},
      {"not empty", 0, 1, 0, false},
      {"half taken", 0, 2, 1, false},
      {"all taken", 0, 2, 2, true},
      {"all taken, masked", 1, 2, 2, false},
  };
  for (const DoorbellCase& c : cases) {
    const TestRing ring(kData);
    RingWriter writer(ring.memory());
    reference::Reader reader(ring.reference());
    for (uint32_t i = 0; i < c.packets_before; i++) (void)WriteBody(writer, 8);
    (void)writer.Publish();
    for (uint32_t i = 0; i < c.taken_before; i++) (void)reader.Next();
    (void)reader.Publish();
    ring.reference().Set(reference::kMask, c.mask);

    (void)WriteBody(writer, 8);
    const bool doorbell = writer.Publish();

    CheckEqual(doorbell, c.expected, c.what);
  }
}

void ABatchIsOnePublish() {
  const TestRing ring(kData);
  RingWriter writer(ring.memory());
  (void)WriteBody(writer, 8);
  (void)WriteBody(writer, 16);

  CheckEqual(ring.reference().Get(reference::kW), 0u, "nothing shown before");
  Check(writer.has_unpublished(), "unpublished");
  Check(writer.Publish(), "one doorbell");
  CheckEqual(ring.reference().Get(reference::kW), 72u, "all shown after");
  Check(!writer.Publish(), "nothing more to publish");
  CheckEqual(writer.publishes(), 1u, "publishes");
  CheckEqual(writer.doorbells(), 1u, "doorbells");
  CheckEqual(writer.packets(), 2u, "packets");
  CheckEqual(writer.body_bytes(), 24u, "bytes");
}

void EqualityIsFull() {
  const TestRing ring(kData);
  RingWriter writer(ring.memory());

  CheckEqual(WriteBody(writer, 128), Status::kWritten, "152 of 256 bytes");
  CheckEqual(writer.free_bytes(), 104u, "free");
  CheckEqual(WriteBody(writer, 80), Status::kFull, "104 more would make it look empty");
  CheckEqual(WriteBody(writer, 72), Status::kWritten, "96 fit");
  CheckEqual(WriteBody(writer, 0), Status::kFull, "8 bytes stay free");
  CheckEqual(writer.free_bytes(), 8u, "free");
}

struct WakeCase {
  const char* what;
  uint32_t features;
  uint32_t pending;
  uint32_t mask;
  bool expected;
};

// The ring holds 7 packets of 32 bytes; taking one carries the free space from 32 to 64.
void ReaderWakesABlockedWriterOnCrossing() {
  const WakeCase cases[] = {
      {"nobody waits", 1, 0, 0, false},
      {"was not blocked", 1, 24, 0, false},
      {"blocked at equality", 1, 32, 0, true},
      {"blocked, fits", 1, 56, 0, true},
      {"still equal", 1, 64, 0, false},
      {"still too small", 1, 72, 0, false},
      {"never grantable", 1, 0xffffffff, 0, false},
      {"writer has no such feature", 0, 56, 0, false},
      {"other feature bits do not count", 0xfffffffe, 56, 0, false},
      {"the mask does not count", 1, 56, 1, true},
      {"size minus one, as some writers say it", 1, 55, 0, true},
  };
  for (const WakeCase& c : cases) {
    const TestRing ring(kData, 168);
    reference::Writer writer(ring.reference());
    RingReader reader(ring.memory());
    Inbox inbox;
    for (int i = 0; i < 7; i++) (void)writer.Put({.body = Body(8, 1)});
    (void)writer.Publish();
    ring.reference().Set(reference::kFeatures, c.features);
    ring.reference().Set(reference::kPending, c.pending);
    ring.reference().Set(reference::kMask, c.mask);

    (void)inbox.Drain(reader, 1);
    const bool doorbell = reader.Publish();

    CheckEqual(doorbell, c.expected, c.what);
    CheckEqual(reader.doorbells(), c.expected ? 1u : 0u, "counted");
  }
}

void OneWakeForAWholeBatch() {
  const TestRing ring(kData);
  reference::Writer writer(ring.reference());
  RingReader reader(ring.memory());
  Inbox inbox;
  for (int i = 0; i < 7; i++) (void)writer.Put({.body = Body(8, 1)});
  (void)writer.Publish();
  (void)writer.Block(128);

  for (int i = 0; i < 5; i++) (void)inbox.Drain(reader, 1);
  Check(reader.Publish(), "crossed within the batch");
  for (int i = 0; i < 2; i++) (void)inbox.Drain(reader, 1);
  Check(!reader.Publish(), "above the wish before and after");
  Check(!reader.Publish(), "nothing to publish");
  CheckEqual(reader.publishes(), 2u, "publishes");
}

void AWriterThatRanAheadIsNotWoken() {
  const TestRing ring(kData);
  reference::Writer writer(ring.reference());
  RingReader reader(ring.memory());
  Inbox inbox;
  for (int i = 0; i < 7; i++) (void)writer.Put({.body = Body(8, 1)});
  (void)writer.Publish();
  (void)inbox.Drain(reader, 1);
  // More is free than this batch gave back: free - freed must not wrap around.
  ring.reference().Set(reference::kPending, 200);

  Check(!reader.Publish(), "still too small");
}

void AwaitSpaceAsksForWhatThePacketTakes() {
  const TestRing ring(kData);
  RingWriter writer(ring.memory());
  reference::Reader reader(ring.reference());
  CheckEqual(WriteBody(writer, 200), Status::kWritten, "fill");
  (void)writer.Publish();
  CheckEqual(WriteBody(writer, 13), Status::kFull, "full");

  CheckEqual(writer.AwaitSpace(13), false, "wait");
  CheckEqual(ring.reference().Get(reference::kPending), 40u, "16 + 16 + 8");
  CheckEqual(writer.waits(), 1u, "waits");

  (void)reader.Next();
  Check(reader.Publish(), "the peer wakes us");
  CheckEqual(WriteBody(writer, 13), Status::kWritten, "fits now");
  writer.ClearAwaitSpace();
  CheckEqual(ring.reference().Get(reference::kPending), 0u, "cleared");
}

void AwaitSpaceLooksAgain() {
  const TestRing ring(kData);
  RingWriter writer(ring.memory());
  reference::Reader reader(ring.reference());
  (void)WriteBody(writer, 200);
  (void)writer.Publish();
  CheckEqual(WriteBody(writer, 13), Status::kFull, "full");
  (void)reader.Next();
  (void)reader.Publish();

  CheckEqual(writer.AwaitSpace(13), true, "space came meanwhile");
  CheckEqual(ring.reference().Get(reference::kPending), 0u, "nothing asked");
}

void AWishIsNeverUngrantable() {
  const TestRing ring(kData);
  RingWriter writer(ring.memory());
  (void)WriteBody(writer, 8);
  (void)writer.Publish();

  CheckEqual(writer.AwaitSpace(0xffffffff), false, "wait");
  CheckEqual(ring.reference().Get(reference::kPending), kData - 8, "at most data size - 8");
}

void ArmClosesTheRace() {
  const TestRing ring(kData);
  reference::Writer writer(ring.reference());
  RingReader reader(ring.memory());
  Inbox inbox;
  CheckEqual(ring.reference().Get(reference::kMask), 1u, "masked at the start");

  Check(reader.Arm(), "empty");
  CheckEqual(ring.reference().Get(reference::kMask), 0u, "open");
  reader.Mask();
  CheckEqual(ring.reference().Get(reference::kMask), 1u, "masked");
  (void)writer.Put({.body = {}});
  Check(!writer.Publish(), "no signal to a masked reader");
  Check(!reader.Arm(), "something came");
  CheckEqual(ring.reference().Get(reference::kMask), 1u, "masked again");
  CheckEqual(inbox.Drain(reader).count, 1u, "and is there");
  (void)reader.Publish();
  Check(reader.Arm(), "empty again");
}

void ArmSeesWhatADrainLeftBehind() {
  const TestRing ring(kData);
  reference::Writer writer(ring.reference());
  RingReader reader(ring.memory());
  Inbox inbox;
  for (int i = 0; i < 3; i++) (void)writer.Put({.body = {}});
  (void)writer.Publish();
  (void)inbox.Drain(reader, 2);
  (void)reader.Publish();

  Check(!reader.Arm(), "one packet is left");
  CheckEqual(inbox.Drain(reader).count, 1u, "and comes");
}

}  // namespace

int main() {
  Test("the writer rings only for a sleeping reader of an empty ring",
       WriterRingsOnlyForASleepingReaderOfAnEmptyRing);
  Test("a batch is shown at once, with one doorbell", ABatchIsOnePublish);
  Test("a packet that would fill the ring to the brim does not fit", EqualityIsFull);
  Test("the reader wakes a blocked writer exactly on crossing",
       ReaderWakesABlockedWriterOnCrossing);
  Test("one wake for a whole batch", OneWakeForAWholeBatch);
  Test("a writer whose wish is not met is not woken", AWriterThatRanAheadIsNotWoken);
  Test("a full ring is announced with the packet's size", AwaitSpaceAsksForWhatThePacketTakes);
  Test("space that came meanwhile ends the wait", AwaitSpaceLooksAgain);
  Test("a wish is never larger than the ring can grant", AWishIsNeverUngrantable);
  Test("arming closes the race with a new packet", ArmClosesTheRace);
  Test("arming sees what a drain left behind", ArmSeesWhatADrainLeftBehind);
  return Summary();
}
