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
  return Mapping(address, length, std::move(link));
}

Result<Mapping> Mapping::MapPages(int fd, std::span<const uint64_t> pages, size_t page_bytes,
                                  std::shared_ptr<LinkState> link) {
  const size_t length = pages.size() * page_bytes;
  // The place first, so that nobody else maps into it between the pieces.
  void* address =
      mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return LastErrno();
  Mapping mapping(address, length, std::move(link));
  for (size_t first = 0; first < pages.size();) {
    size_t count = 1;
    while (first + count < pages.size() && pages[first + count] == pages[first] + count) ++count;
    const auto offset = static_cast<off_t>(pages[first] * page_bytes);
    void* piece = mmap(mapping.data_ + first * page_bytes, count * page_bytes,
                       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset);
    if (piece == MAP_FAILED) return LastErrno();
    first += count;
  }
  return mapping;
}

Mapping::Mapping(void* address, size_t length, std::shared_ptr<LinkState> link)
    : data_(static_cast<std::byte*>(address)),
      size_(length),
      link_(std::move(link)),
      guard_(address, length, &link_->faulted) {}

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  // The guard first: after munmap the addresses may belong to somebody else at once.
  guard_ = GuardedRange();
  munmap(std::exchange(data_, nullptr), std::exchange(size_, 0));
  link_.reset();
}

}  // namespace vmbus::os
