// SPDX-License-Identifier: MIT
//
// Where the interrupt page begins in a larger page of the system: from what sysfs says of the map.
// Run by: test/process/native-os.test.ts.

#include "../os/map_offset.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "check.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using vmbus::os::MapOffset;

constexpr int kMap = 1;
constexpr size_t kMapBytes = 4096;
constexpr size_t kLargePage = 65536;

// A UIO device whose map 1 is at this address.
std::string FolderWith(const std::string& address) {
  std::string folder = "/tmp/vmbus-test-XXXXXX";
  Check(mkdtemp(folder.data()) != nullptr, "mkdtemp");
  mkdir((folder + "/maps").c_str(), 0700);
  mkdir((folder + "/maps/map1").c_str(), 0700);
  std::ofstream(folder + "/maps/map1/addr") << address;
  return folder;
}

// The offset, or minus the errno.
int64_t OffsetAt(const std::string& address, size_t page_bytes = kLargePage) {
  const std::string folder = FolderWith(address);
  auto offset = MapOffset(folder, kMap, kMapBytes, page_bytes);
  static_cast<void>(system(("rm -r " + folder).c_str()));
  return offset.ok() ? static_cast<int64_t>(offset.value()) : -offset.error();
}

void LargePages() {
  CheckEqual(OffsetAt("0xffff000012340000\n"), 0, "at the start");
  CheckEqual(OffsetAt("0xffff000012343000\n"), 0x3000, "the fourth of sixteen");
  CheckEqual(OffsetAt("0xffff00001234f000\n"), 0xf000, "the last one");
}

void SmallPages() { CheckEqual(OffsetAt("nothing is read", kMapBytes), 0, "a page of its own"); }

void Nonsense() {
  CheckEqual(OffsetAt("0xffff00001234f800\n"), -EPROTO, "over the end of the page");
  for (const char* text : {"", "\n", "0x", "0x\n", "ffff000012343000\n", "0x12 34\n",
                           "0x1ffff000012343000\n", "-0x3000\n"}) {
    CheckEqual(OffsetAt(text), -EPROTO, text);
  }
  CheckEqual(MapOffset("/nowhere", kMap, kMapBytes, kLargePage).error(), ENOENT, "no device");
}

}  // namespace

int main() {
  Test("a map of 4096 bytes is found within a page of 64 KiB", LargePages);
  Test("a map of one page is that page", SmallPages);
  Test("an address that is none, or leaves the page, is refused", Nonsense);
  return Summary();
}
