// SPDX-License-Identifier: MIT
//
// Guarded mappings; see mapping.h.

#include "mapping.h"

#include <sys/mman.h>

#include <utility>

namespace vmbus::os {

Mapping::Mapping(Mapping&& other) noexcept { *this = std::move(other); }

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(link_, other.link_);
  std::swap(guard_, other.guard_);
  return *this;
}

Mapping::~Mapping() { Unmap(); }

Result<Mapping> Mapping::Map(int fd, size_t length, off_t offset, std::shared_ptr<LinkState> link) {
  void* address = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  if (address == MAP_FAILED) return LastErrno();
  Mapping mapping;
  mapping.data_ = static_cast<std::byte*>(address);
  mapping.size_ = length;
  mapping.link_ = std::move(link);
  mapping.guard_ = GuardedRange(address, length, &mapping.link_->faulted);
  return mapping;
}

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  // The guard first: after munmap the addresses may belong to somebody else at once.
  guard_ = GuardedRange();
  munmap(std::exchange(data_, nullptr), std::exchange(size_, 0));
  link_.reset();
}

}  // namespace vmbus::os
