// SPDX-License-Identifier: MIT
//
// Nanoseconds per packet of the ring core in one thread, without Node: the consumer drains what a
// producer put into a 2 MiB ring outside the timed part, and the other way round. Every packet's
// type, length, transaction id and first bytes are used. Prints one JSON object per line:
//   {"direction":"receive","bytes":64,"packets":...,"ns":...,"best":...}
//   ring_bench [--double] [rounds]
// ns is the median of the rounds (21), best the quickest one: on a machine with other work to do
// only that is steady. --double maps the data area twice in a row. Run by the bench.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "../core/ring_reader.h"
#include "../core/ring_writer.h"
#include "mapped_ring.h"

namespace {

using vmbus::core::RingMemory;
using vmbus::core::RingReader;
using vmbus::core::RingWriter;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kBatchPackets = 256;
constexpr uint32_t kBatchBytes = 8192;  // with the ring bytes read, well within a first-level cache
constexpr std::array<uint32_t, 6> kSizes{16, 64, 256, 1024, 4096, 16384};

struct Sample {
  uint64_t packets = 0;
  Clock::duration time{};
  double Nanoseconds() const {
    const std::chrono::duration<double, std::nano> total = time;
    return total.count() / static_cast<double>(packets);
  }
};

struct Bench {
  RingWriter writer;
  RingReader reader;
  std::vector<std::byte> payload;
  std::vector<std::byte> arena;
  std::vector<int32_t> index;
  uint64_t next_id = 0;
  uint64_t used = 0;

  Bench(const RingMemory& ring, uint32_t bytes)
      : writer(ring),
        reader(ring),
        payload(bytes, std::byte{0x5a}),
        arena(std::max(kBatchBytes, bytes)),
        index(kBatchPackets * vmbus::core::kIndexRowWords) {}

  // Fills the ring, publishing a batch at a time.
  uint64_t Send() {
    const auto bytes = static_cast<uint32_t>(payload.size());
    const uint32_t batch = std::clamp(kBatchBytes / bytes, 1u, kBatchPackets);
    uint64_t sent = 0;
    for (;;) {
      for (uint32_t i = 0; i < batch; i++) {
        const RingWriter::Packet packet{6, 0, 2, next_id, payload};
        if (writer.Write(packet) != RingWriter::Status::kWritten) {
          used += writer.Publish();
          return sent;
        }
        next_id += 1;
        sent += 1;
      }
      used += writer.Publish();
    }
  }

  // Drains the ring and looks at every packet.
  uint64_t Receive() {
    uint64_t received = 0;
    for (;;) {
      const auto batch = reader.Drain(arena, index, kBatchPackets);
      if (batch.count == 0) return received;
      for (uint32_t row = 0; row < batch.count; row++) {
        const int32_t* words = &index[row * vmbus::core::kIndexRowWords];
        uint64_t first;
        std::memcpy(&first, arena.data() + words[2], sizeof(first));
        used += static_cast<uint64_t>(words[0] + words[3]) + first;
        used += static_cast<uint32_t>(words[4]);
      }
      received += batch.count;
      used += reader.Publish();
    }
  }
};

void Print(const char* direction, uint32_t bytes, uint64_t packets, std::vector<double> ns) {
  std::sort(ns.begin(), ns.end());
  std::printf("{\"direction\":\"%s\",\"bytes\":%u,\"packets\":%llu,\"ns\":%.2f,\"best\":%.2f}\n",
              direction, bytes, static_cast<unsigned long long>(packets), ns[ns.size() / 2], ns[0]);
}

void Measure(const RingMemory& ring, uint32_t bytes, int rounds) {
  Bench bench(ring, bytes);
  std::vector<double> send_ns;
  std::vector<double> receive_ns;
  uint64_t packets = 0;
  for (int round = 0; round < rounds; round++) {
    Sample send;
    Sample receive;
    while (send.time + receive.time < std::chrono::milliseconds(20)) {
      const auto start = Clock::now();
      send.packets += bench.Send();
      const auto middle = Clock::now();
      receive.packets += bench.Receive();
      send.time += middle - start;
      receive.time += Clock::now() - middle;
    }
    send_ns.push_back(send.Nanoseconds());
    receive_ns.push_back(receive.Nanoseconds());
    packets += receive.packets;
  }
  if (bench.used == 0 || bench.next_id != packets) std::abort();
  Print("receive", bytes, packets, std::move(receive_ns));
  Print("send", bytes, packets, std::move(send_ns));
}

}  // namespace

int main(int argc, char** argv) {
  bool doubled = false;
  int rounds = 21;
  for (int i = 1; i < argc; i++) {
    if (std::string_view(argv[i]) == "--double") {
      doubled = true;
    } else {
      rounds = std::max(1, std::atoi(argv[i]));
    }
  }
  const RingMemory ring = vmbus::bench::MapRing(doubled);
  for (const uint32_t bytes : kSizes) Measure(ring, bytes, rounds);
  return 0;
}
