// SPDX-License-Identifier: MIT
//
// The fuzzer's bytes as a stream of small decisions, and a ring whose data area ends exactly where
// its allocation ends, so that the address sanitizer sees every byte too far.
// Used by: the targets of native/fuzz.

#ifndef VMBUS_FUZZ_FUZZ_INPUT_H_
#define VMBUS_FUZZ_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <source_location>
#include <span>

#include "../core/ring_control_unsafe.h"
#include "../core/ring_memory_unsafe.h"
#include "../test/reference_ring.h"

namespace vmbus::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : left_(data, size) {}

  bool empty() const { return left_.empty(); }

  // The next value; zeros when the bytes are used up.
  template <typename T>
  T Take() {
    T value{};
    const size_t bytes = std::min(sizeof(T), left_.size());
    std::memcpy(&value, left_.data(), bytes);
    left_ = left_.subspan(bytes);
    return value;
  }

  // 0 .. below - 1.
  uint32_t Below(uint32_t below) { return Take<uint16_t>() % below; }

  std::span<const uint8_t> Rest(size_t most) {
    const auto rest = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(rest.size());
    return rest;
  }

 private:
  std::span<const uint8_t> left_;
};

// A broken promise ends the run: libFuzzer keeps the input.
inline void Require(bool holds, const char* promise,
                    std::source_location at = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "broken promise in line %u: %s\n", static_cast<unsigned>(at.line()),
               promise);
  std::abort();
}

// A header page and a data area, each an allocation of its own and of exactly its size.
class FuzzRing {
 public:
  explicit FuzzRing(uint32_t data_size)
      : header_(Allocate(core::kHeaderBytes)), data_(Allocate(data_size)), size_(data_size) {
    core::ResetRing(memory());
  }

  core::RingMemory memory() const { return {header_.get(), data_.get(), size_}; }
  reference::Ring reference() const { return {header_.get(), data_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  using Memory = std::unique_ptr<std::byte, Free>;

  static Memory Allocate(uint32_t bytes) {
    auto* memory = static_cast<std::byte*>(std::malloc(bytes));
    std::memset(memory, 0xee, bytes);
    return Memory(memory);
  }

  Memory header_;
  Memory data_;
  uint32_t size_;
};

// A number as a hostile peer would choose it: near the bounds, or anything.
inline uint32_t HostileIndex(Input& input, uint32_t data_size) {
  switch (input.Below(4)) {
    case 0:
      return input.Below(data_size / 8) * 8;
    case 1:
      return data_size - 16 + input.Below(32);
    case 2:
      return UINT32_MAX - input.Below(16);
    default:
      return input.Take<uint32_t>();
  }
}

}  // namespace vmbus::fuzz

#endif  // VMBUS_FUZZ_FUZZ_INPUT_H_
