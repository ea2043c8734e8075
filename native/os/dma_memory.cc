// SPDX-License-Identifier: MIT
//
// Memory with known frames; see dma_memory.h.

#include "dma_memory.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "link_state.h"
#include "page_frames.h"
#include "sealed_memory.h"
#include "status.h"

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif

namespace vmbus::os {

namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

bool Fits(size_t bytes, size_t unit) {
  return bytes > 0 && bytes <= kMostDmaBytes && bytes % unit == 0;
}

}  // namespace

DmaMemory::MakeResult DmaMemory::MakeHuge(size_t bytes) {
  if (!Fits(bytes, kHugePageBytes)) return DmaFailure{EINVAL, DmaStage::kMake};
  std::shared_ptr<DmaMemory> made(new DmaMemory(DmaKind::kHugePages, bytes));
  made->memory_ = UniqueFd(
      memfd_create("vmbus-dma", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_HUGE_2MB));
  if (!made->memory_.valid()) return DmaFailure{errno, DmaStage::kMake};
  const int fd = made->memory_.get();
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) return DmaFailure{errno, DmaStage::kMake};
  if (fcntl(fd, F_ADD_SEALS, kSeals) != 0) return DmaFailure{errno, DmaStage::kMake};
  // Huge pages are set aside here, so populating them cannot fail.
  void* address =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE | MAP_LOCKED, fd, 0);
  if (address == MAP_FAILED) return DmaFailure{errno, DmaStage::kPopulate};
  made->bytes_ = std::span(static_cast<std::byte*>(address), bytes);
  // Somebody's data: neither for children nor for core files.
  madvise(address, bytes, MADV_DONTFORK);
  madvise(address, bytes, MADV_DONTDUMP);

  Result<std::vector<uint64_t>> before = FramesOf(made->bytes_);
  if (!before.ok()) {
    const bool hidden = before.error() == EPERM;
    return DmaFailure{before.error(), hidden ? DmaStage::kHidden : DmaStage::kPagemap};
  }
  made->Pin();
  // Pinning moves pages that stand where none may stay for long. Also without it: a page that has
  // moved so soon will move again.
  Result<std::vector<uint64_t>> after = FramesOf(made->bytes_);
  if (!after.ok()) return DmaFailure{after.error(), DmaStage::kPagemap};
  if (made->pin_error_ != 0 && before.value() != after.value()) {
    return DmaFailure{EAGAIN, DmaStage::kMoved};
  }
  made->frames_ = after.Take();
  return made;
}

DmaMemory::MakeResult DmaMemory::MakeOfDevice(std::shared_ptr<DeviceBuffer> buffer, size_t bytes) {
  if (!Fits(bytes, kFrameBytes)) return DmaFailure{EINVAL, DmaStage::kMake};
  std::shared_ptr<DmaMemory> made(new DmaMemory(DmaKind::kDeviceBuffer, bytes));
  {
    const DeviceBuffer::Stay stay = buffer->Enter();
    if (stay.bytes().empty()) return DmaFailure{ENODEV, DmaStage::kNone};
    if (stay.bytes().size() < bytes) return DmaFailure{EINVAL, DmaStage::kMake};
    const auto memory = stay.bytes().first(bytes);
    // A page is in the page map once it was touched.
    for (size_t at = 0; at < bytes; at += kFrameBytes) {
      static_cast<void>(*static_cast<volatile std::byte*>(memory.data() + at));
    }
    Result<std::vector<uint64_t>> frames = FramesOf(memory);
    if (!frames.ok()) {
      const bool hidden = frames.error() == EPERM;
      return DmaFailure{frames.error(), hidden ? DmaStage::kHidden : DmaStage::kPagemap};
    }
    made->frames_ = frames.Take();
  }
  made->buffer_ = std::move(buffer);
  return made;
}

DmaMemory::MakeResult DmaMemory::MakeSimulated(size_t bytes) {
  if (!Fits(bytes, kHugePageBytes)) return DmaFailure{EINVAL, DmaStage::kMake};
  std::shared_ptr<DmaMemory> made(new DmaMemory(DmaKind::kSimulated, bytes));
  Result<UniqueFd> memory = MakeSealedMemory("vmbus-dma", bytes);
  if (!memory.ok()) return DmaFailure{memory.error(), DmaStage::kMake};
  Result<Mapping> mapping =
      Mapping::Map(memory.value().get(), bytes, 0, std::make_shared<LinkState>());
  if (!mapping.ok()) return DmaFailure{mapping.error(), DmaStage::kPopulate};
  made->memory_ = memory.Take();
  made->mapping_ = mapping.Take();
  made->bytes_ = std::span(made->mapping_.data(), bytes);
  return made;
}

DmaMemory::~DmaMemory() {
  if (kind_ == DmaKind::kHugePages && !bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

// The buffers of an io_uring are the one long-term pin that a process can ask for; it lasts as long
// as the ring, whoever holds it. Nothing is ever submitted to it.
void DmaMemory::Pin() {
  io_uring_params parameters{};
  pin_ = UniqueFd(static_cast<int>(syscall(SYS_io_uring_setup, 1, &parameters)));
  if (!pin_.valid()) {
    pin_error_ = errno;
    return;
  }
  fcntl(pin_.get(), F_SETFD, FD_CLOEXEC);
  const iovec whole{bytes_.data(), bytes_.size()};
  if (syscall(SYS_io_uring_register, pin_.get(), IORING_REGISTER_BUFFERS, &whole, 1) == 0) return;
  pin_error_ = errno;
  pin_.Close();
}

bool DmaMemory::SetFrames(std::vector<uint64_t> frames) {
  if (kind_ != DmaKind::kSimulated || frames.size() != size() / kFrameBytes) return false;
  frames_ = std::move(frames);
  return true;
}

bool DmaMemory::Holds(uint64_t offset, uint64_t length) const {
  return length <= size() && offset <= size() - length;
}

// A device's buffer stays for as long as `copy` runs.
template <typename Copy>
int32_t DmaMemory::InMemory(const Copy& copy) const {
  if (buffer_ == nullptr) {
    copy(bytes_);
    return 0;
  }
  const DeviceBuffer::Stay stay = buffer_->Enter();
  if (stay.bytes().empty()) return buffer_->IsGone() ? kRescinded : kClosed;
  copy(stay.bytes());
  return 0;
}

int32_t DmaMemory::Read(uint64_t offset, std::span<std::byte> target) const {
  if (!Holds(offset, target.size())) return -EFAULT;
  // SAFETY: within the memory. The host may write at the same time: then the copy is torn, and
  // nothing was decided on the bytes before they were copied.
  return InMemory([&](std::span<std::byte> memory) {
    if (!target.empty()) memcpy(target.data(), memory.data() + offset, target.size());
  });
}

int32_t DmaMemory::Write(uint64_t offset, std::span<const std::byte> source) {
  if (!Holds(offset, source.size())) return -EFAULT;
  return InMemory([&](std::span<std::byte> memory) {
    if (!source.empty()) memcpy(memory.data() + offset, source.data(), source.size());
  });
}

}  // namespace vmbus::os
