// SPDX-License-Identifier: MIT
//
// Offered channels; see offered_channels.h.

#include "offered_channels.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace vmbus::os {

namespace {

// A folder's link count is 2 and one for each folder in it; file systems that do not count say 1.
constexpr nlink_t kUncounted = 1;

constexpr int kLookFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// A description of its own, because reading a folder moves its position.
Folder ReadFrom(int folder) {
  UniqueFd again(openat(folder, ".", kLookFlags | O_DIRECTORY));
  if (!again.valid()) return nullptr;
  Folder opened(fdopendir(again.get()));
  if (opened != nullptr) static_cast<void>(again.Release());
  return opened;
}

// The attribute answers EINVAL where the kernel has mapped no ring.
bool HasRing(int folder, const std::string& relid) {
  const UniqueFd mask(openat(folder, (relid + "/in_mask").c_str(), kLookFlags));
  char byte = 0;
  return mask.valid() && read(mask.get(), &byte, 1) == 1;
}

}  // namespace

bool OfferedChannels::AreOpen() {
  struct stat status{};
  // A folder that is gone went with its device, and the kernel refuses the write.
  if (fstat(folder_.get(), &status) != 0) return true;
  const nlink_t links = status.st_nlink;
  if (links == links_when_open_ && links != kUncounted) [[likely]]
    return true;
  if (!LookAtEach()) return false;
  links_when_open_ = links;
  return true;
}

bool OfferedChannels::LookAtEach() const {
  const Folder folder = ReadFrom(folder_.get());
  if (folder == nullptr) return errno == ENOENT;
  while (const dirent* entry = readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name[0] != '.' && name != primary_ && !IsOpen(name)) return false;
  }
  return true;
}

// Its ring can be mapped only while the channel is open: the file appears after the open, but it
// stays when the node is closed.
bool OfferedChannels::IsOpen(const std::string& relid) const {
  const UniqueFd ring(openat(folder_.get(), (relid + "/ring").c_str(), kLookFlags));
  // Who may open the node need not be allowed to map rings by their files.
  if (!ring.valid()) return errno == EACCES && HasRing(folder_.get(), relid);
  const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* page = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, ring.get(), 0);
  if (page == MAP_FAILED) return false;
  munmap(page, bytes);
  return true;
}

}  // namespace vmbus::os
