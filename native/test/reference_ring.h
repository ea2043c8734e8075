// SPDX-License-Identifier: MIT
//
// A second ring, written from the protocol's description alone and as plainly as possible: it
// shares no line with native/core, caches nothing and copies byte by byte.
// Used by: the cross tests, as the peer of the real reader and writer and as the judge of their
// decisions. One thread only.
// Source: Linux drivers/hv/ring_buffer.c, include/linux/hyperv.h.

#ifndef VMBUS_TEST_REFERENCE_RING_H_
#define VMBUS_TEST_REFERENCE_RING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vmbus::reference {

// Where the words of the header are.
enum Field : uint32_t { kW = 0x00, kR = 0x04, kMask = 0x08, kPending = 0x0c, kFeatures = 0x40 };

struct Ring {
  std::byte* header;
  std::byte* data;
  uint32_t size;

  uint32_t Get(Field field) const {
    uint32_t value = 0;
    for (uint32_t i = 0; i < 4; i++) value |= std::to_integer<uint32_t>(header[field + i]) << 8 * i;
    return value;
  }
  void Set(Field field, uint32_t value) const {
    for (uint32_t i = 0; i < 4; i++) header[field + i] = static_cast<std::byte>(value >> 8 * i);
  }
  // Little-endian number of some bytes anywhere in the circle.
  uint64_t Number(uint32_t at, uint32_t bytes) const {
    uint64_t value = 0;
    for (uint32_t i = 0; i < bytes; i++) {
      value |= std::to_integer<uint64_t>(data[(at + i) % size]) << 8 * i;
    }
    return value;
  }
  void SetNumber(uint32_t at, uint64_t value, uint32_t bytes) const {
    for (uint32_t i = 0; i < bytes; i++) {
      data[(at + i) % size] = static_cast<std::byte>(value >> 8 * i);
    }
  }
  // How many bytes lie between r and w, going up and around; and how many do not.
  uint32_t Used(uint32_t w, uint32_t r) const { return (w + size - r) % size; }
  uint32_t Free(uint32_t w, uint32_t r) const { return size - Used(w, r); }
};

struct Packet {
  uint16_t type = 6;
  uint16_t offset8 = 2;
  uint16_t flags = 0;
  uint64_t id = 0;
  std::vector<std::byte> body;  // everything behind the descriptor

  friend bool operator==(const Packet&, const Packet&) = default;
};

inline uint32_t RoundUp8(size_t bytes) { return static_cast<uint32_t>((bytes + 7) / 8 * 8); }

// Bytes in the ring: descriptor, padded body, trailer.
inline uint32_t Footprint(const Packet& packet) { return 16 + RoundUp8(packet.body.size()) + 8; }

class Writer {
 public:
  explicit Writer(Ring ring) : ring_(ring), w_(ring.Get(kW)) {}

  // False: it does not fit now. A full ring would look empty, so one unit always stays free.
  bool Put(const Packet& packet) {
    const uint32_t total = Footprint(packet);
    if (!(ring_.Free(w_, ring_.Get(kR)) > total)) return false;
    const uint32_t padded = RoundUp8(packet.body.size());
    ring_.SetNumber(w_ + 0, packet.type, 2);
    ring_.SetNumber(w_ + 2, packet.offset8, 2);
    ring_.SetNumber(w_ + 4, (16 + padded) / 8, 2);
    ring_.SetNumber(w_ + 6, packet.flags, 2);
    ring_.SetNumber(w_ + 8, packet.id, 8);
    for (uint32_t i = 0; i < padded; i++) {
      const std::byte value = i < packet.body.size() ? packet.body[i] : std::byte{0};
      ring_.data[(w_ + 16 + i) % ring_.size] = value;
    }
    ring_.SetNumber(w_ + 16 + padded, 0, 4);
    ring_.SetNumber(w_ + 16 + padded + 4, w_, 4);
    w_ = (w_ + total) % ring_.size;
    return true;
  }

  // True: signal. Only a reader with mask 0 that had read everything before this batch is told.
  bool Publish() {
    const uint32_t before = ring_.Get(kW);
    if (before == w_) return false;
    ring_.Set(kW, w_);
    return ring_.Get(kMask) == 0 && ring_.Get(kR) == before;
  }

  // Announces that `total` bytes do not fit. True: they do by now, and nothing is announced.
  bool Block(uint32_t total) {
    ring_.Set(kPending, total);
    if (!(ring_.Free(w_, ring_.Get(kR)) > total)) return false;
    ring_.Set(kPending, 0);
    return true;
  }
  void Unblock() { ring_.Set(kPending, 0); }

 private:
  Ring ring_;
  uint32_t w_;
};

class Reader {
 public:
  explicit Reader(Ring ring) : ring_(ring), r_(ring.Get(kR)) {}

  // Nothing if less than a descriptor is there.
  std::optional<Packet> Next() {
    if (ring_.Used(ring_.Get(kW), r_) < 16) return std::nullopt;
    Packet packet;
    packet.type = static_cast<uint16_t>(ring_.Number(r_, 2));
    packet.offset8 = static_cast<uint16_t>(ring_.Number(r_ + 2, 2));
    const auto length8 = static_cast<uint32_t>(ring_.Number(r_ + 4, 2));
    packet.flags = static_cast<uint16_t>(ring_.Number(r_ + 6, 2));
    packet.id = ring_.Number(r_ + 8, 8);
    for (uint32_t i = 16; i < length8 * 8; i++) {
      packet.body.push_back(ring_.data[(r_ + i) % ring_.size]);
    }
    r_ = (r_ + length8 * 8 + 8) % ring_.size;
    return packet;
  }

  // True: signal. Only a writer that was blocked before this batch and is not blocked after it.
  bool Publish() {
    const uint32_t before = ring_.Get(kR);
    if (before == r_) return false;
    ring_.Set(kR, r_);
    if ((ring_.Get(kFeatures) & 1) == 0) return false;
    const uint32_t wanted = ring_.Get(kPending);
    if (wanted == 0) return false;
    const uint32_t w = ring_.Get(kW);
    const bool blocked_before = !(ring_.Free(w, before) > wanted);
    const bool blocked_after = !(ring_.Free(w, r_) > wanted);
    return blocked_before && !blocked_after;
  }

  void Mask() { ring_.Set(kMask, 1); }

  // True: sleeping is safe. False: something came, the mask is set again.
  bool Arm() {
    ring_.Set(kMask, 0);
    if (ring_.Get(kW) == r_) return true;
    ring_.Set(kMask, 1);
    return false;
  }

 private:
  Ring ring_;
  uint32_t r_;
};

}  // namespace vmbus::reference

#endif  // VMBUS_TEST_REFERENCE_RING_H_
