// SPDX-License-Identifier: MIT
//
// The physical frames behind memory of this process.
// Called by: dma_memory. Source: Documentation/admin-guide/mm/pagemap.rst (bit 63 present, bits
// 0-54 the frame, which reads 0 without CAP_SYS_ADMIN).

#ifndef VMBUS_OS_PAGE_FRAMES_H_
#define VMBUS_OS_PAGE_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "result.h"

namespace vmbus::os {

// Numbers of frames of 4096 bytes, in the order of the memory, which is page-aligned and populated.
// EPERM: the kernel hides them. ENXIO: a page is not there.
Result<std::vector<uint64_t>> FramesOf(std::span<const std::byte> memory);

}  // namespace vmbus::os

#endif  // VMBUS_OS_PAGE_FRAMES_H_
