// SPDX-License-Identifier: MIT
//
// Memory whose frames are known, for protocols that name pages by their numbers: huge pages,
// locked, populated, looked up once and pinned where the kernel lets us; a buffer of the device,
// which is the kernel's and stays where it is; or plain memory for a simulated host, which gives
// the numbers itself. Only copied from and to, within its bounds.
// Called by: native/binding dma_functions. Calls: sealed_memory, device_buffer, page_frames. The
// rule of its use is not here: whoever hands frames to a host keeps this, or another holder of the
// descriptor, until the host has let go of them.
// Source: memfd_create(2), io_uring_register(2), Documentation/admin-guide/mm/hugetlbpage.rst.

#ifndef VMBUS_OS_DMA_MEMORY_H_
#define VMBUS_OS_DMA_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "device_buffer.h"
#include "mapping.h"
#include "unique_fd.h"

namespace vmbus::os {

inline constexpr size_t kHugePageBytes = size_t{2} << 20;
inline constexpr size_t kFrameBytes = 4096;
inline constexpr size_t kMostDmaBytes = size_t{1} << 30;

// Where making it can fail; part of the addon's surface (lib/native/dma-functions.ts).
enum class DmaStage : int32_t {
  kNone = 0,
  kMake = 1,      // no memory of that kind in this kernel
  kPopulate = 2,  // not enough of it
  kPagemap = 3,   // the page map cannot be read
  kHidden = 4,    // it can, but without the frames (errno is EPERM)
  kMoved = 5,     // pages have moved while they were pinned (errno is EAGAIN)
};

enum class DmaKind : int32_t { kHugePages = 0, kSimulated = 1, kDeviceBuffer = 2 };

struct DmaFailure {
  int error;
  DmaStage stage;
};

class DmaMemory {
 public:
  using MakeResult = std::variant<std::shared_ptr<DmaMemory>, DmaFailure>;

  // Huge pages of 2 MiB; `bytes` is a multiple of that.
  static MakeResult MakeHuge(size_t bytes);
  // The beginning of a device's buffer, of whole pages of 4096 bytes. It is gone when the lease is
  // closed; the pages are the kernel's as long as the device has its driver.
  static MakeResult MakeOfDevice(std::shared_ptr<DeviceBuffer> buffer, size_t bytes);
  // Plain sealed memory without frames, to be handed to a simulated host that gives them.
  static MakeResult MakeSimulated(size_t bytes);

  DmaMemory(const DmaMemory&) = delete;
  DmaMemory& operator=(const DmaMemory&) = delete;
  ~DmaMemory();

  DmaKind kind() const { return kind_; }
  size_t size() const { return size_; }
  // 0 where the pages are pinned for good, else why not.
  int pin_error() const { return pin_error_; }
  // Keep the pages: for another process. -1 where there is none.
  int memory_fd() const { return memory_.get(); }
  int pin_fd() const { return pin_.get(); }
  // One for each 4096 bytes; empty as long as a simulated host has not given them.
  std::span<const uint64_t> frames() const { return frames_; }
  // What a simulated host answered. False: not as many as there are.
  [[nodiscard]] bool SetFrames(std::vector<uint64_t> frames);

  // Copies. 0; -EFAULT when a byte of it lies outside; kRescinded or kClosed when the device's
  // buffer is gone.
  [[nodiscard]] int32_t Read(uint64_t offset, std::span<std::byte> target) const;
  [[nodiscard]] int32_t Write(uint64_t offset, std::span<const std::byte> source);

 private:
  DmaMemory(DmaKind kind, size_t size) : kind_(kind), size_(size) {}
  bool Holds(uint64_t offset, uint64_t length) const;
  template <typename Copy>
  int32_t InMemory(const Copy& copy) const;
  void Pin();

  const DmaKind kind_;
  const size_t size_;
  UniqueFd memory_;
  UniqueFd pin_;
  int pin_error_ = 0;
  Mapping mapping_;                       // plain memory
  std::shared_ptr<DeviceBuffer> buffer_;  // a device's
  std::span<std::byte> bytes_;            // all of it, but for a device's
  std::vector<uint64_t> frames_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_DMA_MEMORY_H_
