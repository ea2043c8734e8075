// SPDX-License-Identifier: MIT
//
// The bytes on the wire, written out by hand, in both directions: layout, descriptors, header
// packets, padding, trailers, wrap-around.
// Source: Linux include/linux/hyperv.h, drivers/hv/ring_buffer.c, drivers/hv/channel.c.

#include <cstring>
#include <string>

#include "check.h"
#include "ring_fixture.h"

namespace {

using vmbus::core::RingAt;
using vmbus::core::RingReader;
using vmbus::core::RingWriter;
using vmbus::core::Violation;
using namespace vmbus::test;  // NOLINT: a test file

std::vector<std::byte> Bytes(std::initializer_list<unsigned> values) {
  std::vector<std::byte> bytes;
  for (unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

bool SameBytes(const std::byte* actual, const std::vector<std::byte>& expected) {
  for (size_t i = 0; i < expected.size(); i++) {
    if (!CheckEqual(actual[i], expected[i], "byte " + std::to_string(i))) return false;
  }
  return true;
}

// In-band data "hello", completion wanted; then a completion without payload behind it.
const auto kTwoPackets = Bytes({
    0x06, 0x00, 0x02, 0x00, 0x03, 0x00, 0x01, 0x00,  // type 6, offset 2, length 3, flags 1
    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  // transaction id
    0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x00, 0x00, 0x00,  // payload, padded
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // trailer: started at 0
    0x0b, 0x00, 0x02, 0x00, 0x02, 0x00, 0x00, 0x00,  // type 0xb, offset 2, length 2
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf0,  //
    0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00,  // trailer: started at 32
});

// Transfer pages: set 0xcafe, one range {byte count 0x60, byte offset 0x1000}.
const auto kTransferPages = Bytes({
    0x07, 0x00, 0x04, 0x00, 0x04, 0x00, 0x01, 0x00,  // type 7, offset 4, length 4, flags 1
    0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
    0xfe, 0xca, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,  //
    0x60, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00,  //
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // trailer
});

// GPA direct: one range {512 bytes at 0x100 of page 0x12345}, payload of 8 bytes.
const auto kGpaDirect = Bytes({
    0x09, 0x00, 0x06, 0x00, 0x07, 0x00, 0x01, 0x00,  // type 9, offset 6, length 7, flags 1
    0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
    0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,  // reserved, range count
    0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,  // byte count, byte offset
    0x45, 0x23, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,  // page frame
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // a header unit more
    0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7,  // payload
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // trailer
});

void WriterProducesTheGoldenBytes() {
  const TestRing ring(256);
  RingWriter writer(ring.memory());
  const std::string hello = "hello";

  const auto first = writer.Write({6, 1, 2, 0x1122334455667788, std::as_bytes(std::span(hello))});
  const auto second = writer.Write({0xb, 0, 2, 0xf000000000000001, {}});
  const bool doorbell = writer.Publish();

  CheckEqual(first, RingWriter::Status::kWritten, "first");
  CheckEqual(second, RingWriter::Status::kWritten, "second");
  Check(doorbell, "an empty ring with mask 0 needs a doorbell");
  SameBytes(ring.memory().data, kTwoPackets);
  CheckEqual(ring.memory().data[56], std::byte{0xee}, "the byte behind the trailer");
  CheckEqual(ring.reference().Get(vmbus::reference::kW), 56u, "write index");
}

void WriterProducesHeaderPackets() {
  const TestRing ring(256);
  RingWriter writer(ring.memory());
  const std::span body(kTransferPages);

  const auto status = writer.Write({7, 1, 4, 5, body.subspan(16, 16)});

  CheckEqual(status, RingWriter::Status::kWritten, "status");
  SameBytes(ring.memory().data, kTransferPages);
}

void ReaderUnderstandsTheGoldenBytes() {
  const TestRing ring(256);
  std::memcpy(ring.memory().data, kTwoPackets.data(), kTwoPackets.size());
  ring.reference().Set(vmbus::reference::kW, 56);
  RingReader reader(ring.memory());
  Inbox inbox;

  const auto batch = inbox.Drain(reader);

  CheckEqual(batch.count, 2u, "packets");
  CheckEqual(batch.bytes, 56u, "ring bytes");
  CheckEqual(batch.arena_used, 8u, "arena bytes");
  const std::vector<int32_t> rows{6,  1 | 2 << 16, 0, 8, 0x55667788, 0x11223344,
                                  11, 2 << 16,     8, 0, 1,          INT32_MIN + 0x70000000};
  for (size_t i = 0; i < rows.size(); i++) {
    CheckEqual(inbox.index()[i], rows[i], "index word " + std::to_string(i));
  }
  SameBytes(inbox.arena().data(), Bytes({0x68, 0x65, 0x6c, 0x6c, 0x6f, 0, 0, 0}));
}

void ReaderPutsHeadersBeforeThePayload() {
  const TestRing ring(256);
  std::memcpy(ring.memory().data, kGpaDirect.data(), kGpaDirect.size());
  ring.reference().Set(vmbus::reference::kW, static_cast<uint32_t>(kGpaDirect.size()));
  RingReader reader(ring.memory());
  Inbox inbox;

  const auto batch = inbox.Drain(reader);

  CheckEqual(batch.count, 1u, "packets");
  const std::vector<int32_t> row{9, 1 | 6 << 16, 32, 8, 2, 0};
  for (size_t i = 0; i < row.size(); i++) {
    CheckEqual(inbox.index()[i], row[i], "index word " + std::to_string(i));
  }
  SameBytes(inbox.arena().data(), {kGpaDirect.begin() + 16, kGpaDirect.end() - 8});
}

void PacketsWrapByUnits() {
  const TestRing ring(64, 56);
  RingWriter writer(ring.memory());
  const auto payload = Bytes({1, 2, 3, 4, 5, 6, 7, 8, 9});

  const auto status = writer.Write({6, 0, 2, 0xaabb, payload});

  CheckEqual(status, RingWriter::Status::kWritten, "status");
  CheckEqual(writer.write_index(), 32u, "write index");
  SameBytes(ring.memory().data + 56, Bytes({6, 0, 2, 0, 4, 0, 0, 0}));
  SameBytes(ring.memory().data, Bytes({0xbb, 0xaa, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5,  6, 7, 8,
                                       9,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 56, 0, 0, 0}));
}

void ResetWritesTheHeaderTheProtocolAsksFor() {
  const TestRing ring(256);
  std::memset(ring.memory().header, 0xff, kPage);

  vmbus::core::ResetRing(ring.memory());

  auto expected = std::vector<std::byte>(kPage);
  expected[0x40] = std::byte{1};
  SameBytes(ring.memory().header, expected);
}

void GeometryFollowsThePageSize() {
  alignas(8) static std::byte memory[1 << 21];

  CheckEqual(RingAt(memory, 20480, 4096).data_size, 16384u, "fcopy ring, 4 KiB pages");
  CheckEqual(RingAt(memory, 131072, 65536).data_size, 65536u, "fcopy ring, 64 KiB pages");
  CheckEqual(RingAt(memory, 2097152, 4096).data - memory, 4096, "data start");
  CheckEqual(RingAt(memory, 4096, 4096).data_size, 0u, "no room for data");
}

void LargestPacketIsBoundedByRingAndByLengthField() {
  const TestRing small(256);
  const TestRing large(1 << 20);
  RingWriter small_writer(small.memory());
  RingWriter large_writer(large.memory());
  const auto body = Body(524264 + 1, 1);
  const std::span all(body);

  CheckEqual(small_writer.largest_packet(), 256u - 8 - 24, "data size - 8 - overhead");
  CheckEqual(large_writer.largest_packet(), 65535u * 8 - 16, "16-bit length in units");
  CheckEqual(small_writer.Write({6, 0, 2, 0, all.first(224)}), RingWriter::Status::kWritten, "");
  CheckEqual(small_writer.Write({6, 0, 2, 0, all.first(225)}), RingWriter::Status::kTooLarge, "");
  CheckEqual(large_writer.Write({6, 0, 2, 0, all.first(524264)}), RingWriter::Status::kWritten,
             "largest");
  CheckEqual(large_writer.Write({6, 0, 2, 0, all}), RingWriter::Status::kTooLarge, "one more");
}

void NewEndsTakeOverWhereTheRingStands() {
  const TestRing ring(256, 40);
  ring.reference().Set(vmbus::reference::kPending, 128);

  RingWriter writer(ring.memory());
  RingReader reader(ring.memory());

  CheckEqual(writer.write_index(), 40u, "write index");
  CheckEqual(reader.read_index(), 40u, "read index");
  CheckEqual(ring.reference().Get(vmbus::reference::kPending), 0u, "a predecessor's wish");
  CheckEqual(ring.reference().Get(vmbus::reference::kMask), 1u, "masked until armed");
  CheckEqual(writer.free_bytes(), 256u, "free");
}

void SnapshotReadsEachWord() {
  const TestRing ring(256);
  const auto words = ring.reference();
  words.Set(vmbus::reference::kW, 8);
  words.Set(vmbus::reference::kR, 16);
  words.Set(vmbus::reference::kMask, 1);
  words.Set(vmbus::reference::kPending, 512);

  const auto snapshot = vmbus::core::SnapshotRing(ring.memory());

  CheckEqual(snapshot.write_index, 8u, "write index");
  CheckEqual(snapshot.read_index, 16u, "read index");
  CheckEqual(snapshot.interrupt_mask, 1u, "mask");
  CheckEqual(snapshot.pending_send_size, 512u, "pending");
  CheckEqual(snapshot.feature_bits, 1u, "features");
}

}  // namespace

int main() {
  Test("the writer produces the golden bytes", WriterProducesTheGoldenBytes);
  Test("the writer produces packets with headers", WriterProducesHeaderPackets);
  Test("the reader understands the golden bytes", ReaderUnderstandsTheGoldenBytes);
  Test("the reader puts headers before the payload", ReaderPutsHeadersBeforeThePayload);
  Test("packets wrap by units, even inside the descriptor", PacketsWrapByUnits);
  Test("reset writes the header the protocol asks for", ResetWritesTheHeaderTheProtocolAsksFor);
  Test("the data area starts behind one page of the guest", GeometryFollowsThePageSize);
  Test("the largest packet is bounded", LargestPacketIsBoundedByRingAndByLengthField);
  Test("new ends take over where the ring stands", NewEndsTakeOverWhereTheRingStands);
  Test("a snapshot reads each word of the header", SnapshotReadsEachWord);
  return Summary();
}
