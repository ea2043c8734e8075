// SPDX-License-Identifier: MIT
//
// Offsets of UIO maps; see map_offset.h.

#include "map_offset.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <string_view>

#include "unique_fd.h"

namespace vmbus::os {

namespace {

constexpr int kHexadecimal = 16;

// "0x" and the digits, then perhaps a line's end.
Result<uint64_t> ParseAddress(std::string_view text) {
  if (!text.starts_with("0x")) return Errno{EPROTO};
  text.remove_prefix(2);
  uint64_t address = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, address, kHexadecimal);
  const bool whole = error == std::errc() && (end == last || *end == '\n');
  if (!whole) return Errno{EPROTO};
  return address;
}

}  // namespace

Result<size_t> MapOffset(const std::string& uio, int map, size_t map_bytes, size_t page_bytes) {
  // A map as large as a page begins with it; so does every one on most machines.
  if (map_bytes == page_bytes) return size_t{0};
  const std::string path = uio + "/maps/map" + std::to_string(map) + "/addr";
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return LastErrno();
  char text[64];
  const ssize_t count = read(file.get(), text, sizeof(text));
  if (count < 0) return LastErrno();
  Result<uint64_t> address = ParseAddress({text, static_cast<size_t>(count)});
  if (!address.ok()) return Errno{address.error()};
  const auto offset = static_cast<size_t>(address.value() % page_bytes);
  if (offset + map_bytes > page_bytes) return Errno{EPROTO};
  return offset;
}

}  // namespace vmbus::os
