// SPDX-License-Identifier: MIT
//
// The file systems to freeze; see mounts.h.

#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace vmbus::freezer {

namespace {

bool ParseDevice(const char* text, dev_t* device) {
  char* end = nullptr;
  const unsigned long major = strtoul(text, &end, 10);
  if (end == text || *end != ':') return false;
  const char* rest = end + 1;
  const unsigned long minor = strtoul(rest, &end, 10);
  if (end == rest || *end != '\0') return false;
  *device = makedev(static_cast<unsigned>(major), static_cast<unsigned>(minor));
  return true;
}

// A thaw that fails leaves the file system frozen, so it is tried again: what made it fail (an
// error of the disk under its last write) may have passed.
int ThawDescriptor(int fd) {
  constexpr int kTries = 3;
  int error = 0;
  for (int i = 0; i < kTries; ++i) {
    if (ioctl(fd, FITHAW, 0) == 0) return 0;
    error = errno;
    if (error == EINVAL) return error;
  }
  return error;
}

}  // namespace

bool Mounts::Add(const char* device, const char* path) {
  dev_t number = 0;
  if (count_ == kMostMounts || path[0] != '/' || !ParseDevice(device, &number)) return false;
  Mount& mount = mounts_[count_++];
  mount.path = path;
  mount.device = number;
  mount.fd = -1;
  return true;
}

int Mounts::Open(int index) {
  Mount& mount = mounts_[index];
  mount.fd = open(mount.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (mount.fd < 0) return errno;
  struct stat found = {};
  if (fstat(mount.fd, &found) != 0) return errno;
  // A path can lead elsewhere by now: something was mounted over it, or it was unmounted, and then
  // the file system below would be frozen in its place.
  return found.st_dev == mount.device ? 0 : ESTALE;
}

int Mounts::Freeze(int index) {
  Mount& mount = mounts_[index];
  if (ioctl(mount.fd, FIFREEZE, 0) == 0) {
    mount.state = State::kFrozen;
    return 0;
  }
  const int error = errno;
  // It is as quiet as if we had done it, but not ours to wake: who froze it (a snapshot being made,
  // an administrator's fsfreeze) counts on it. The distribution's daemon thaws it all the same.
  if (error == EBUSY) mount.state = State::kForeign;
  return error;
}

int Mounts::Thaw(int index) {
  Mount& mount = mounts_[index];
  State held = State::kFrozen;
  if (mount.state.compare_exchange_strong(held, State::kThawed)) return ThawDescriptor(mount.fd);
  held = State::kForeign;
  if (!owns_foreign_ || !mount.state.compare_exchange_strong(held, State::kThawed)) return kNothing;
  return ThawDescriptor(mount.fd);
}

int Mounts::ThawAny(int index) { return ThawDescriptor(mounts_[index].fd); }

}  // namespace vmbus::freezer
