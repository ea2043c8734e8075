// SPDX-License-Identifier: MIT
//
// Shared memory of a device or of the simulated host, mapped, guarded against SIGBUS, unmapped with
// its owner. Called by: uio_device, simulated_node, node_server, lease.

#ifndef VMBUS_OS_MAPPING_H_
#define VMBUS_OS_MAPPING_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>

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

  // Unmaps now. Nobody may hold a pointer into it.
  void Unmap();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::shared_ptr<LinkState> link_;  // the guard writes its flag
  GuardedRange guard_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_MAPPING_H_
