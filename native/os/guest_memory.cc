// SPDX-License-Identifier: MIT
//
// Guest memory; see guest_memory.h.

#include "guest_memory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "doorbell.h"
#include "sealed_memory.h"

namespace vmbus::os {

namespace {

// A ring pair of 64 MiB: more than the 16 bits of a GPADL's length can describe.
constexpr size_t kMostRingPages = 16384;
constexpr size_t kLeastRingPages = 2;  // header and data

// Only counts: an interrupt of the guest is not ours to give.
class CountingDoorbell final : public Doorbell {
 public:
  explicit CountingDoorbell(std::shared_ptr<uint32_t> signals) : signals_(std::move(signals)) {}
  void Ring() override { *signals_ += 1; }

 private:
  std::shared_ptr<uint32_t> signals_;
};

}  // namespace

GuestMemory::GuestMemory(UniqueFd file, Mapping memory, std::shared_ptr<LinkState> link)
    : file_(std::move(file)), link_(std::move(link)), memory_(std::move(memory)) {}

Result<std::unique_ptr<GuestMemory>> GuestMemory::Open(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!file.valid()) return LastErrno();
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return LastErrno();
  const bool fits = S_ISREG(status.st_mode) && status.st_size > 0 &&
                    static_cast<size_t>(status.st_size) % kGpadlPageBytes == 0;
  if (!fits) return Errno{EINVAL};
  return MapWhole(std::move(file), static_cast<size_t>(status.st_size));
}

Result<std::unique_ptr<GuestMemory>> GuestMemory::Make(uint64_t bytes) {
  if (bytes == 0 || bytes % kGpadlPageBytes != 0) return Errno{EINVAL};
  Result<UniqueFd> file = MakeSealedMemory("vmbus-guest", static_cast<size_t>(bytes));
  if (!file.ok()) return Errno{file.error()};
  return MapWhole(file.Take(), static_cast<size_t>(bytes));
}

Result<std::unique_ptr<GuestMemory>> GuestMemory::MapWhole(UniqueFd file, size_t bytes) {
  auto link = std::make_shared<LinkState>();
  Result<Mapping> memory = Mapping::Map(file.get(), bytes, 0, link);
  if (!memory.ok()) return Errno{memory.error()};
  return std::unique_ptr<GuestMemory>(
      new GuestMemory(std::move(file), memory.Take(), std::move(link)));
}

bool GuestMemory::Holds(uint64_t address, uint64_t length) const {
  return length <= bytes() && address <= bytes() - length;
}

bool GuestMemory::Read(uint64_t address, std::span<std::byte> target) const {
  if (!Holds(address, target.size())) return false;
  // SAFETY: within the mapping. The guest may write at the same time: then the copy is torn, as a
  // device's would be.
  if (!target.empty()) memcpy(target.data(), memory_.data() + address, target.size());
  return true;
}

bool GuestMemory::Write(uint64_t address, std::span<const std::byte> source) {
  if (!Holds(address, source.size())) return false;
  if (!source.empty()) memcpy(memory_.data() + address, source.data(), source.size());
  return true;
}

Result<std::unique_ptr<Channel>> GuestMemory::Attach(std::span<const uint64_t> pages, size_t split,
                                                     std::shared_ptr<uint32_t> signals) {
  const bool fits = pages.size() <= kMostRingPages && split >= kLeastRingPages &&
                    split <= pages.size() && pages.size() - split >= kLeastRingPages;
  if (!fits) return Errno{EINVAL};
  for (const uint64_t page : pages) {
    if (page >= bytes() / kGpadlPageBytes) return Errno{EINVAL};
  }
  Result<Mapping> rings = Mapping::MapPages(file_.get(), pages, kGpadlPageBytes, link_);
  if (!rings.ok()) return Errno{rings.error()};
  Mapping mapping = rings.Take();
  const RingPair pair = SplitRingsAt(mapping.data(), mapping.size(), split * kGpadlPageBytes,
                                     kGpadlPageBytes, End::kHost);
  return std::make_unique<Channel>(std::move(mapping), pair,
                                   std::make_unique<CountingDoorbell>(std::move(signals)), link_);
}

bool GuestMemory::TakeMonitorBits(uint64_t address, std::span<uint32_t, kMonitorGroups> bits) {
  if (address % kGpadlPageBytes != 0 || !Holds(address, kSharedPageBytes)) return false;
  std::byte* page = memory_.data() + address;
  for (size_t group = 0; group < kMonitorGroups; ++group) {
    bits[group] = TakeMonitorGroup(page, static_cast<int>(group));
  }
  return true;
}

}  // namespace vmbus::os
