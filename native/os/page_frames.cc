// SPDX-License-Identifier: MIT
//
// Physical frames; see page_frames.h.

#include "page_frames.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "unique_fd.h"

namespace vmbus::os {

namespace {

constexpr size_t kFrame = 4096;
constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kFrameMask = (uint64_t{1} << 55) - 1;

}  // namespace

Result<std::vector<uint64_t>> FramesOf(std::span<const std::byte> memory) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  UniqueFd map(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!map.valid()) return LastErrno();
  const auto first = reinterpret_cast<uintptr_t>(memory.data()) / page;
  const size_t pages = memory.size() / page;
  const size_t frames_of_page = page / kFrame;
  std::vector<uint64_t> frames;
  frames.reserve(pages * frames_of_page);
  std::array<uint64_t, 512> entries;
  for (size_t at = 0; at < pages;) {
    const size_t wanted = std::min(entries.size(), pages - at);
    const auto offset = static_cast<off_t>((first + at) * sizeof(uint64_t));
    const ssize_t got = pread(map.get(), entries.data(), wanted * sizeof(uint64_t), offset);
    if (got < 0) return LastErrno();
    const size_t count = static_cast<size_t>(got) / sizeof(uint64_t);
    if (count == 0) return Errno{ENXIO};
    for (size_t i = 0; i < count; ++i) {
      if ((entries[i] & kPresent) == 0) return Errno{ENXIO};
      const uint64_t frame = entries[i] & kFrameMask;
      if (frame == 0) return Errno{EPERM};
      for (size_t part = 0; part < frames_of_page; ++part) {
        frames.push_back(frame * frames_of_page + part);
      }
    }
    at += count;
  }
  return frames;
}

}  // namespace vmbus::os
