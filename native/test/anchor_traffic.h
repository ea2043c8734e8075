// SPDX-License-Identifier: MIT
//
// Random traffic between our ends and another project's ring on one shared ring. The other ring is
// behind two small classes (see anchor_kernel_test.cc) with
//   Writer: bool Send(type, id, body)      false = full; publishes at once
//   Reader: std::optional<reference::Packet> Receive()
// Used by: anchor_kernel_test.cc, anchor_dpdk_test.cc.

#ifndef VMBUS_TEST_ANCHOR_TRAFFIC_H_
#define VMBUS_TEST_ANCHOR_TRAFFIC_H_

#include <cstring>
#include <deque>
#include <string>

#include "check.h"
#include "ring_fixture.h"

namespace vmbus::test {

struct AnchorSizes {
  uint64_t state;
  // Mostly small, in whole units: not every foreign writer pads.
  uint32_t Next(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 33) % below;
  }
  reference::Packet Packet(uint64_t id, uint32_t largest) {
    const uint32_t units = Next(6) == 0 ? Next(largest / 8 + 1) : Next(24);
    return {.type = 6, .id = id, .body = Body(units * 8, id)};
  }
};

// The same packets through our writer and theirs leave the same bytes, indices included.
template <typename Writer>
void WritesTheSameRing(uint64_t fixed_id) {
  const TestRing ours(4096, 4000);
  const TestRing theirs(4096, 4000);
  core::RingWriter writer(ours.memory());
  Writer other(theirs);
  AnchorSizes sizes{7};
  for (uint64_t i = 0;; i++) {
    auto packet = sizes.Packet(i, 256);
    packet.id = fixed_id;
    const auto status = writer.Write(View(packet));
    (void)writer.Publish();
    const bool sent = other.Send(packet);
    if (!CheckEqual(status == core::RingWriter::Status::kWritten, sent, "fits")) return;
    if (!sent) break;
    if (!CheckEqual(ours.reference().Get(reference::kW), theirs.reference().Get(reference::kW),
                    "write index")) {
      return;
    }
  }
  Check(std::memcmp(ours.memory().data, theirs.memory().data, 4096) == 0, "ring bytes");
}

template <typename Writer>
void OurReaderReadsTheirs(uint32_t data_size, uint64_t fixed_id) {
  const TestRing ring(data_size, 1024);
  Writer writer(ring);
  core::RingReader reader(ring.memory());
  Inbox inbox(data_size, 64);
  AnchorSizes sizes{3};
  std::deque<reference::Packet> sent;
  uint64_t id = 0;
  auto next = sizes.Packet(id, data_size - 32);
  for (int turn = 0; turn < 8000; turn++) {
    for (uint32_t burst = sizes.Next(8); burst > 0; burst--) {
      next.id = fixed_id;
      if (!writer.Send(next)) break;
      sent.push_back(next);
      next = sizes.Packet(++id, data_size - 32);
    }
    const auto batch = inbox.Drain(reader, 1 + sizes.Next(8));
    if (!CheckEqual(batch.violation, core::Violation::kNone, "violation")) return;
    for (uint32_t row = 0; row < batch.count; row++, sent.pop_front()) {
      if (!Check(!sent.empty() && inbox.Row(row) == sent.front(), "packet")) return;
    }
    (void)reader.Publish();
  }
  Check(id > 5000, "hardly any packets");
}

template <typename Reader>
void TheirReaderReadsOurs(uint32_t data_size) {
  const TestRing ring(data_size, 1024);
  core::RingWriter writer(ring.memory());
  Reader reader(ring);
  AnchorSizes sizes{5};
  std::deque<reference::Packet> sent;
  uint64_t id = 0;
  auto next = sizes.Packet(id, data_size - 32);
  for (int turn = 0; turn < 8000; turn++) {
    for (uint32_t burst = sizes.Next(8); burst > 0; burst--) {
      if (writer.Write(View(next)) != core::RingWriter::Status::kWritten) break;
      sent.push_back(next);
      next = sizes.Packet(++id, data_size - 32);
    }
    (void)writer.Publish();
    for (uint32_t take = sizes.Next(8); take > 0; take--) {
      const auto packet = reader.Receive();
      if (!packet) break;
      if (!Check(!sent.empty() && *packet == sent.front(), "packet")) return;
      sent.pop_front();
    }
    if (!CheckEqual(writer.violation(), core::Violation::kNone, "violation")) return;
  }
  Check(id > 5000, "hardly any packets");
}

}  // namespace vmbus::test

#endif  // VMBUS_TEST_ANCHOR_TRAFFIC_H_
