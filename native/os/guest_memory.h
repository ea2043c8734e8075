// SPDX-License-Identifier: MIT
//
// The memory of a whole guest, as a host that plays its devices sees it: one file, copied from and
// to by guest physical address, and rings attached wherever the guest has put them. Also a piece of
// memory of our own where the guest's is out of reach and is kept in step by other means.
// Called by: native/binding guest_memory_functions. Calls: mapping, channel.
// Source: include/linux/hyperv.h of Linux (GPADLs count pages of 4096 bytes).

#ifndef VMBUS_OS_GUEST_MEMORY_H_
#define VMBUS_OS_GUEST_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "channel.h"
#include "link_state.h"
#include "mapping.h"
#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

inline constexpr size_t kGpadlPageBytes = 4096;
// Groups of 32 bits in a monitor page.
inline constexpr size_t kMonitorGroups = 4;

class GuestMemory {
 public:
  // The file at `path`, all of it. EINVAL unless it is a regular file or a block of shared memory
  // with whole pages.
  static Result<std::unique_ptr<GuestMemory>> Open(const std::string& path);
  // Fresh memory, zero.
  static Result<std::unique_ptr<GuestMemory>> Make(uint64_t bytes);

  uint64_t bytes() const { return memory_.size(); }
  // Stays the memory's own.
  int fd() const { return file_.get(); }

  // Copies; false when a byte of it lies outside.
  [[nodiscard]] bool Read(uint64_t address, std::span<std::byte> target) const;
  [[nodiscard]] bool Write(uint64_t address, std::span<const std::byte> source);

  // The host's end of the rings in these pages; the guest writes the first `split` of them. Signals
  // to the guest are counted in `signals`, for the caller to deliver. EINVAL for pages outside, or
  // a split that leaves a ring without data.
  Result<std::unique_ptr<Channel>> Attach(std::span<const uint64_t> pages, size_t split,
                                          std::shared_ptr<uint32_t> signals);

  // Takes the pending bits of the monitor page at `address`. False when it lies outside.
  [[nodiscard]] bool TakeMonitorBits(uint64_t address, std::span<uint32_t, kMonitorGroups> bits);

 private:
  GuestMemory(UniqueFd file, Mapping memory, std::shared_ptr<LinkState> link);
  static Result<std::unique_ptr<GuestMemory>> MapWhole(UniqueFd file, size_t bytes);
  bool Holds(uint64_t address, uint64_t length) const;

  UniqueFd file_;
  std::shared_ptr<LinkState> link_;
  Mapping memory_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_GUEST_MEMORY_H_
