// SPDX-License-Identifier: MIT
//
// Our ends against the kernel tree's own user-space ring, tools/hv/vmbus_bufring.c, compiled from
// where its package put it.

#include "anchor_traffic.h"

extern "C" {
#include <vmbus_bufring.h>
}

namespace {

using namespace vmbus::test;  // NOLINT: a test file
namespace reference = vmbus::reference;

constexpr uint64_t kKernelId = ~uint64_t{0};  // its writer knows no other transaction id

class KernelWriter {
 public:
  explicit KernelWriter(const TestRing& ring) {
    vmbus_br_setup(&ring_, ring.memory().header, ring.memory().data_size + kPage);
  }
  bool Send(const reference::Packet& packet) {
    auto* body = const_cast<std::byte*>(packet.body.data());
    const auto bytes = static_cast<uint32_t>(packet.body.size());
    return rte_vmbus_chan_send(&ring_, packet.type, body, bytes, packet.flags) == 0;
  }

 private:
  vmbus_br ring_;
};

class KernelReader {
 public:
  explicit KernelReader(const TestRing& ring) : buffer_(ring.memory().data_size) {
    vmbus_br_setup(&ring_, ring.memory().header, ring.memory().data_size + kPage);
  }
  std::optional<reference::Packet> Receive() {
    auto bytes = static_cast<uint32_t>(buffer_.size());
    if (rte_vmbus_chan_recv_raw(&ring_, buffer_.data(), &bytes) < 0) return std::nullopt;
    vmbus_chanpkt_hdr header;
    std::memcpy(&header, buffer_.data(), sizeof(header));
    return reference::Packet{header.type,
                             header.hlen,
                             header.flags,
                             header.xactid,
                             {buffer_.begin() + 16, buffer_.begin() + bytes}};
  }

 private:
  vmbus_br ring_;
  std::vector<std::byte> buffer_;
};

}  // namespace

int main() {
  Test("the kernel tree's writer and ours leave the same bytes",
       [] { WritesTheSameRing<KernelWriter>(kKernelId); });
  Test("our reader reads what the kernel tree's writer wrote", [] {
    OurReaderReadsTheirs<KernelWriter>(4096, kKernelId);
    OurReaderReadsTheirs<KernelWriter>(65536, kKernelId);
  });
  Test("the kernel tree's reader reads what our writer wrote", [] {
    TheirReaderReadsOurs<KernelReader>(4096);
    TheirReaderReadsOurs<KernelReader>(65536);
  });
  return Summary();
}
