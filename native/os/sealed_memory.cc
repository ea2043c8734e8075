// SPDX-License-Identifier: MIT
//
// Sealed memory; see sealed_memory.h.

#include "sealed_memory.h"

#include <fcntl.h>
#include <sys/mman.h>

namespace vmbus::os {

Result<UniqueFd> MakeSealedMemory(const char* name, size_t bytes) {
  UniqueFd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return LastErrno();
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return LastErrno();
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return LastErrno();
  }
  return fd;
}

}  // namespace vmbus::os
