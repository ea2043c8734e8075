// SPDX-License-Identifier: MIT
//
// A 2 MiB ring in shared memory of this process, for the benchmarks.
// Used by: ring_bench.cc, ring_loops.h.

#ifndef VMBUS_BENCH_MAPPED_RING_H_
#define VMBUS_BENCH_MAPPED_RING_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "../core/ring_control_unsafe.h"

namespace vmbus::bench {

inline constexpr uint32_t kPage = 4096;
inline constexpr uint32_t kDataBytes = (2u << 20) - kPage;

// An empty ring, its data pages mapped once or twice in a row. Never unmapped.
inline core::RingMemory MapRing(bool doubled = false) {
  const int fd = memfd_create("ring", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, kPage + kDataBytes) != 0) std::abort();
  constexpr size_t kSpace = kPage + 2 * size_t{kDataBytes};
  void* space = mmap(nullptr, kSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* base = static_cast<std::byte*>(space);
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  constexpr int kFixed = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
  mmap(base, kPage + kDataBytes, kAccess, kFixed, fd, 0);
  if (doubled) mmap(base + kPage + kDataBytes, kDataBytes, kAccess, kFixed, fd, kPage);
  close(fd);
  const core::RingMemory ring{base, base + kPage, kDataBytes, doubled};
  core::ResetRing(ring);
  return ring;
}

}  // namespace vmbus::bench

#endif  // VMBUS_BENCH_MAPPED_RING_H_
