// SPDX-License-Identifier: MIT
//
// The copy of packet bytes. Packets are mostly short, and calling the C library's memcpy costs more
// than copying them; long ones go quicker in plain wide loads and stores than in the library's way,
// where the processor has them.
// Called by: ring_memory_unsafe.h, ring_reader, ring_writer, transfer_reader, os/frame_queue.

#ifndef VMBUS_CORE_COPY_BYTES_H_
#define VMBUS_CORE_COPY_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vmbus::core {

// What one load and one store move.
using Piece8 = uint64_t;
typedef uint64_t Piece16 __attribute__((vector_size(16)));
typedef uint64_t Piece32 __attribute__((vector_size(32)));

template <class Piece>
[[gnu::always_inline]] inline void CopyPiece(std::byte* target, const std::byte* source) {
  struct [[gnu::packed, gnu::may_alias]] Anywhere {
    Piece piece;
  };
  // SAFETY: such a struct may stand at any address, and over bytes of any type.
  reinterpret_cast<Anywhere*>(target)->piece = reinterpret_cast<const Anywhere*>(source)->piece;
}

inline constexpr uint32_t kShortCopy = 128;

// Up to kShortCopy bytes: from both ends in as many pieces as reach the middle, where they may
// overlap.
inline void CopyShort(std::byte* target, const std::byte* source, uint32_t bytes) {
  std::byte* const target_end = target + bytes;
  const std::byte* const source_end = source + bytes;
  if (bytes >= 16) {
    CopyPiece<Piece16>(target, source);
    if (bytes > 32) {
      CopyPiece<Piece16>(target + 16, source + 16);
      if (bytes > 64) {
        CopyPiece<Piece16>(target + 32, source + 32);
        CopyPiece<Piece16>(target + 48, source + 48);
        CopyPiece<Piece16>(target_end - 64, source_end - 64);
        CopyPiece<Piece16>(target_end - 48, source_end - 48);
      }
      CopyPiece<Piece16>(target_end - 32, source_end - 32);
    }
    CopyPiece<Piece16>(target_end - 16, source_end - 16);
  } else if (bytes >= 8) {
    CopyPiece<Piece8>(target, source);
    CopyPiece<Piece8>(target_end - 8, source_end - 8);
  } else {
    for (uint32_t done = 0; done < bytes; done++) target[done] = source[done];
  }
}

#if defined(__x86_64__)

inline const bool kHasWideCopy = __builtin_cpu_supports("avx2");

// Four wide pieces.
inline constexpr uint32_t kWideCopy = 128;

[[gnu::target("avx2"), gnu::always_inline]] inline void CopyFour(std::byte* target,
                                                                 const std::byte* source) {
  CopyPiece<Piece32>(target, source);
  CopyPiece<Piece32>(target + 32, source + 32);
  CopyPiece<Piece32>(target + 64, source + 64);
  CopyPiece<Piece32>(target + 96, source + 96);
}

// At least kWideCopy bytes: a piece at the start, then where stores cross no lines of the cache,
// then four pieces at the end. They may overlap.
[[gnu::target("avx2")]] inline void CopyWide(std::byte* target, const std::byte* source,
                                             uint32_t bytes) {
  constexpr uint32_t kPiece = sizeof(Piece32);
  const uint32_t last = bytes - kWideCopy;
  const auto skew = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(target) % kPiece);
  CopyPiece<Piece32>(target, source);
  for (uint32_t at = kPiece - skew; at < last; at += kWideCopy) CopyFour(target + at, source + at);
  CopyFour(target + last, source + last);
}

#endif

inline void CopyBytes(std::byte* target, const std::byte* source, uint32_t bytes) {
  if (bytes <= kShortCopy) return CopyShort(target, source, bytes);
#if defined(__x86_64__)
  if (kHasWideCopy) [[likely]]
    return CopyWide(target, source, bytes);
#endif
  std::memcpy(target, source, bytes);
}

}  // namespace vmbus::core

#endif  // VMBUS_CORE_COPY_BYTES_H_
