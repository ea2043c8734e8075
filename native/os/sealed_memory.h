// SPDX-License-Identifier: MIT
//
// Anonymous memory with a descriptor to pass on, of a size that nobody can change any more.
// Called by: node_server, dma_memory, guest_memory; checked by simulated_node, shown_memory.
// Source: memfd_create(2), fcntl(2) F_ADD_SEALS.

#ifndef VMBUS_OS_SEALED_MEMORY_H_
#define VMBUS_OS_SEALED_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

Result<UniqueFd> MakeSealedMemory(const char* name, size_t bytes);

// Whether a descriptor of somebody else's is memory of exactly this size that cannot shrink: then
// nobody can have us fault in it.
bool IsSealedMemory(const UniqueFd& file, uint64_t bytes);

}  // namespace vmbus::os

#endif  // VMBUS_OS_SEALED_MEMORY_H_
