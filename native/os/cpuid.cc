// SPDX-License-Identifier: MIT
//
// CPUID; see cpuid.h.

#include "cpuid.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace vmbus::os {

#if defined(__x86_64__) || defined(__i386__)

namespace {

constexpr uint32_t kRangeMask = 0xf000'0000;       // the highest digit chooses a range of leaves
constexpr uint32_t kHypervisorBase = 0x4000'0000;  // and the range's first leaf tells its last
constexpr uint32_t kHypervisorPresent = 1u << 31;  // leaf 1, ecx

std::array<uint32_t, 4> Read(uint32_t leaf, uint32_t subleaf) {
  std::array<uint32_t, 4> out{};
  __cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
  return out;
}

}  // namespace

std::optional<std::array<uint32_t, 4>> Cpuid(uint32_t leaf, uint32_t subleaf) {
  const uint32_t base = leaf & kRangeMask;
  // Without a hypervisor that range answers with whatever the last basic leaf holds.
  if (base == kHypervisorBase && (Read(1, 0)[2] & kHypervisorPresent) == 0) return std::nullopt;
  // A hypervisor may offer several interfaces, each 0x100 further on with a last leaf of its own.
  const uint32_t first = base == kHypervisorBase ? leaf & ~0xffu : base;
  if (Read(first, 0)[0] < leaf) return std::nullopt;
  return Read(leaf, subleaf);
}

#else

std::optional<std::array<uint32_t, 4>> Cpuid(uint32_t, uint32_t) { return std::nullopt; }

#endif

}  // namespace vmbus::os
