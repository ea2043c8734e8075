// SPDX-License-Identifier: MIT
//
// Sealed memory; see sealed_memory.h.

#include "sealed_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

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

bool IsSealedMemory(const UniqueFd& file, uint64_t bytes) {
  struct stat status{};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (status.st_size < 0 || static_cast<uint64_t>(status.st_size) != bytes) return false;
  const int seals = fcntl(file.get(), F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

}  // namespace vmbus::os
