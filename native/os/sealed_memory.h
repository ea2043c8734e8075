// SPDX-License-Identifier: MIT
//
// Anonymous memory with a descriptor to pass on, of a size that nobody can change any more.
// Called by: node_server. Source: memfd_create(2), fcntl(2) F_ADD_SEALS.

#ifndef VMBUS_OS_SEALED_MEMORY_H_
#define VMBUS_OS_SEALED_MEMORY_H_

#include <cstddef>

#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

Result<UniqueFd> MakeSealedMemory(const char* name, size_t bytes);

}  // namespace vmbus::os

#endif  // VMBUS_OS_SEALED_MEMORY_H_
