// SPDX-License-Identifier: MIT
//
// Our ends against the ring of DPDK's VMBus driver, linked from its static library: bytes, full
// rule and the decision to ring the doorbell.
// The ring functions are internal to that driver, so their declarations stand here; the driver's
// own needs from the rest of DPDK are two functions, given below.
// Source: DPDK 22.11 drivers/bus/vmbus/private.h, vmbus_bufring.c.

#include <sys/uio.h>

#include <cstdlib>

#include "anchor_traffic.h"

extern "C" {

struct vmbus_br {
  void* vbr;
  uint32_t dsize;
  uint32_t windex;
};

void vmbus_br_setup(vmbus_br* br, void* buf, unsigned int blen);
int vmbus_txbr_write(vmbus_br* tbr, const iovec iov[], int iovlen, bool* need_sig);
int vmbus_rxbr_peek(const vmbus_br* rbr, void* data, size_t dlen);
int vmbus_rxbr_read(vmbus_br* rbr, void* data, size_t dlen, size_t hlen);

size_t rte_mem_page_size() { return vmbus::test::kPage; }
[[noreturn]] void __rte_panic(const char*, const char*, ...) { std::abort(); }
}

namespace {

using namespace vmbus::test;  // NOLINT: a test file
namespace core = vmbus::core;
namespace reference = vmbus::reference;

constexpr uint64_t kId = 0x0123456789abcdef;

class DpdkWriter {
 public:
  explicit DpdkWriter(const TestRing& ring) {
    vmbus_br_setup(&ring_, ring.memory().header, ring.memory().data_size + kPage);
  }
  bool Send(const reference::Packet& packet) {
    const auto units = static_cast<uint16_t>(2 + packet.body.size() / 8);
    const uint16_t descriptor[] = {packet.type, packet.offset8, units, packet.flags};
    std::byte header[16];
    std::memcpy(header, descriptor, 8);
    std::memcpy(header + 8, &packet.id, 8);
    const iovec parts[] = {{header, sizeof(header)},
                           {const_cast<std::byte*>(packet.body.data()), packet.body.size()}};
    signal_ = false;
    return vmbus_txbr_write(&ring_, parts, 2, &signal_) == 0;
  }
  bool signal() const { return signal_; }

 private:
  vmbus_br ring_;
  bool signal_ = false;
};

class DpdkReader {
 public:
  explicit DpdkReader(const TestRing& ring) {
    vmbus_br_setup(&ring_, ring.memory().header, ring.memory().data_size + kPage);
  }
  std::optional<reference::Packet> Receive() {
    uint16_t descriptor[8];
    if (vmbus_rxbr_peek(&ring_, descriptor, sizeof(descriptor)) != 0) return std::nullopt;
    reference::Packet packet{descriptor[0], descriptor[1], descriptor[3], 0, {}};
    std::memcpy(&packet.id, descriptor + 4, 8);
    packet.body.resize(descriptor[2] * 8u - 16);
    if (vmbus_rxbr_read(&ring_, packet.body.data(), packet.body.size(), 16) != 0) {
      return std::nullopt;
    }
    return packet;
  }

 private:
  vmbus_br ring_;
};

void DecidesAboutTheDoorbellAsDpdkDoes() {
  AnchorSizes choices{11};
  for (int round = 0; round < 5000; round++) {
    const TestRing ours(1024, 512);
    const TestRing theirs(1024, 512);
    core::RingWriter writer(ours.memory());
    DpdkWriter other(theirs);
    for (int i = 0; i < 12; i++) {
      const auto packet = choices.Packet(0, 64);
      const uint32_t mask = choices.Next(3) == 0 ? 1 : 0;
      const bool taken = choices.Next(2) == 0;
      for (const TestRing* ring : {&ours, &theirs}) {
        const auto words = ring->reference();
        words.Set(reference::kMask, mask);
        if (taken) words.Set(reference::kR, words.Get(reference::kW));
      }
      const bool written = writer.Write(View(packet)) == core::RingWriter::Status::kWritten;
      const bool doorbell = writer.Publish();
      const bool sent = other.Send(packet);
      if (!CheckEqual(written, sent, "fits")) return;
      if (sent && !CheckEqual(doorbell, other.signal(), "doorbell")) return;
    }
  }
}

}  // namespace

int main() {
  Test("DPDK's writer and ours leave the same bytes", [] { WritesTheSameRing<DpdkWriter>(kId); });
  Test("our reader reads what DPDK's writer wrote", [] {
    OurReaderReadsTheirs<DpdkWriter>(4096, kId);
    OurReaderReadsTheirs<DpdkWriter>(65536, kId);
  });
  Test("DPDK's reader reads what our writer wrote", [] {
    TheirReaderReadsOurs<DpdkReader>(4096);
    TheirReaderReadsOurs<DpdkReader>(65536);
  });
  Test("our writer decides about the doorbell as DPDK's does", DecidesAboutTheDoorbellAsDpdkDoes);
  return Summary();
}
