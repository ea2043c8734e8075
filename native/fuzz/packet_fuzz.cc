// SPDX-License-Identifier: MIT
//
// Any bytes as the contents of a ring: what the reader makes of them is compared with a plain walk
// over the same bytes, packet by packet, up to the first broken rule; and the two forms of the
// descriptor check are compared with each other.

#include <vector>

#include "../core/packet.h"
#include "../core/ring_reader.h"
#include "fuzz_input.h"

namespace {

using namespace vmbus::fuzz;  // NOLINT: one target, one file
namespace core = vmbus::core;
namespace reference = vmbus::reference;

void TheTwoChecksAgree(uint64_t unit, uint32_t used) {
  const core::Descriptor descriptor = core::DecodeDescriptor(unit);
  Require(core::EncodeDescriptor(descriptor) == unit, "decoding loses nothing");
  if (used < 16) return;
  const bool sound = core::CheckDescriptor(descriptor, used) == core::Violation::kNone;
  Require(core::IsSound(descriptor, used) == sound, "the quick check and the named one agree");
}

// The rules once more, read from the bytes of the ring.
bool Sound(const reference::Ring& ring, uint32_t at, uint32_t used) {
  if (used < 16) return false;
  const uint64_t type = ring.Number(at, 2);
  const uint64_t offset = ring.Number(at + 2, 2);
  const uint64_t length = ring.Number(at + 4, 2);
  const uint64_t flags = ring.Number(at + 6, 2);
  return type >= 1 && type <= 13 && offset >= 2 && offset <= length && length * 8 + 8 <= used &&
         flags <= 1;
}

void ReadsWhatIsThere(Input& input) {
  const uint32_t data_size = 64 + input.Below(64) * 8;
  const FuzzRing ring(data_size);
  const auto words = ring.reference();
  uint32_t at = input.Below(data_size / 8) * 8;
  const uint32_t end = input.Below(data_size / 8) * 8;
  const auto bytes = input.Rest(data_size);
  for (size_t i = 0; i < bytes.size(); i++) {
    words.data[(at + i) % data_size] = static_cast<std::byte>(bytes[i]);
  }
  words.Set(reference::kR, at);
  words.Set(reference::kW, end);
  core::RingReader reader(ring.memory());
  reference::Reader plain(words);
  std::vector<std::byte> arena(data_size);
  std::vector<int32_t> index(64 * core::kIndexRowWords);

  const auto batch = reader.Drain(arena, index, 64);

  for (uint32_t row = 0; row < batch.count; row++) {
    Require(Sound(words, at, words.Used(end, at)), "only sound packets come out");
    const auto packet = plain.Next();
    const int32_t* numbers = &index[row * core::kIndexRowWords];
    Require(packet && numbers[0] == packet->type, "type");
    Require(static_cast<uint32_t>(numbers[1]) ==
                (packet->flags | static_cast<uint32_t>(packet->offset8) << 16),
            "flags and offset");
    const uint32_t headers = packet->offset8 * 8u - 16;
    const auto start = static_cast<int64_t>(numbers[2]) - headers;
    Require(headers + static_cast<uint32_t>(numbers[3]) == packet->body.size(), "length");
    Require(std::equal(packet->body.begin(), packet->body.end(), arena.begin() + start), "bytes");
    at = (at + Footprint(*packet)) % data_size;
  }
  if (batch.count == 64) return;
  const uint32_t used = words.Used(end, at);
  Require(used == 0 || !Sound(words, at, used), "no sound packet is left behind");
  Require((used == 0) == (reader.violation() == core::Violation::kNone), "the rest is a violation");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  TheTwoChecksAgree(input.Take<uint64_t>(), input.Take<uint32_t>() % 600000);
  ReadsWhatIsThere(input);
  return 0;
}
