// SPDX-License-Identifier: MIT
//
// Shared memory of a device or of the simulated host, mapped, guarded against SIGBUS, unmapped with
// its owner. Called by: uio_device, simulated_node, node_server, lease, guest_memory.

#ifndef VMBUS_OS_MAPPING_H_
#define VMBUS_OS_MAPPING_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "link_state.h"
#include "result.h"
#include "sigbus_guard.h"

namespace vmbus::os {

class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  // Shared, readable and writable. `link` is flagged when the pages vanish.
  static Result<Mapping> Map(int fd, size_t length, off_t offset, std::shared_ptr<LinkState> link);
  // The same for pages anywhere in the file, one after the other in memory. They stay one piece
  // whatever their places; `page_bytes` is a multiple of the system's page size.
  static Result<Mapping> MapPages(int fd, std::span<const uint64_t> pages, size_t page_bytes,
                                  std::shared_ptr<LinkState> link);

  // Unmaps now. Nobody may hold a pointer into it.
  void Unmap();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  // Takes pages that are mapped.
  Mapping(void* address, size_t length, std::shared_ptr<LinkState> link);

  std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::shared_ptr<LinkState> link_;  // the guard writes its flag
  GuardedRange guard_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_MAPPING_H_
