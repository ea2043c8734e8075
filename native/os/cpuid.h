// SPDX-License-Identifier: MIT
//
// The CPUID instruction, for the hypervisor's leaves.
// Called by: native/binding system_functions. Source: Hypervisor Top-Level Functional
// Specification, "Feature and Interface Discovery"; Intel SDM volume 2, CPUID.

#ifndef VMBUS_OS_CPUID_H_
#define VMBUS_OS_CPUID_H_

#include <array>
#include <cstdint>
#include <optional>

namespace vmbus::os {

// eax, ebx, ecx, edx; nothing where the processor has no CPUID or not this leaf.
std::optional<std::array<uint32_t, 4>> Cpuid(uint32_t leaf, uint32_t subleaf);

}  // namespace vmbus::os

#endif  // VMBUS_OS_CPUID_H_
