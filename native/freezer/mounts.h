// SPDX-License-Identifier: MIT
//
// The file systems to freeze: opened and checked before anything freezes, frozen in the order
// given, thawed in the other one. Called by: main.cc (opens, thaws), worker.cc (freezes). Source:
// FIFREEZE, FITHAW in linux/fs.h, fs/ioctl.c, freeze_super() and thaw_super() in fs/super.c.
//
// Two threads: one is inside FIFREEZE, which may block; the other one thaws what is frozen already
// when the time is over. So that nothing stays frozen: the freezing thread stores its success first
// and looks at `stop` then; the other one sets `stop` first and looks at the states then.

#ifndef VMBUS_FREEZER_MOUNTS_H_
#define VMBUS_FREEZER_MOUNTS_H_

#include <sys/types.h>

#include <atomic>

namespace vmbus::freezer {

// More than a machine of containers has. Static: no allocation.
inline constexpr int kMostMounts = 4096;

enum class State : int {
  kOpen,     // not touched
  kFrozen,   // by us
  kForeign,  // EBUSY: somebody else froze it before
  kThawed,   // by us, or it was found thawed
};

struct Mount {
  const char* path;
  dev_t device;
  int fd;
  std::atomic<State> state;
};

class Mounts {
 public:
  // "8:1" and a path. False if it is none, or there are too many.
  bool Add(const char* device, const char* path);
  int count() const { return count_; }

  // 0, or an errno; ESTALE where something else is mounted there by now.
  int Open(int index);

  // 0; EBUSY: frozen already, by somebody else, which is left alone; or the errno of the failure.
  int Freeze(int index);

  static constexpr int kNothing = -1;
  // Thaws it if we froze it, once, whichever thread asks. kNothing where we did not; 0; EINVAL:
  // somebody thawed it under our hands; or another errno: it stays frozen.
  int Thaw(int index);

  // The same whoever froze it, and whenever.
  int ThawAny(int index);

  // Also take what somebody else froze for ours to thaw.
  void OwnForeign() { owns_foreign_ = true; }

  std::atomic<bool> stop{false};

 private:
  Mount mounts_[kMostMounts] = {};
  int count_ = 0;
  bool owns_foreign_ = false;
};

}  // namespace vmbus::freezer

#endif  // VMBUS_FREEZER_MOUNTS_H_
