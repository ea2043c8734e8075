// SPDX-License-Identifier: MIT
//
// Preloaded into vmbus-freezer by its tests: folders take the place of file systems, and nothing is frozen. What is asked of a
// folder is written down in $FREEZE_LOG; its name says how it answers: busy-*, unable-*, slow-* (not before somebody opens
// $FREEZE_GATE for writing), torn-* (cannot be thawed), awake-* (thawed by somebody else meanwhile).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *name_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = '\0';
  char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static void note(const char *what, const char *name) {
  int log = open(getenv("FREEZE_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log < 0) return;
  dprintf(log, "%s %s\n", what, name);
  close(log);
}

static int refuse(int error) {
  errno = error;
  return -1;
}

static int starts(const char *name, const char *with) { return strncmp(name, with, strlen(with)) == 0; }

int ioctl(int fd, unsigned long request, ...) {
  char path[PATH_MAX];
  const char *name = name_of(fd, path);
  if (request == FIFREEZE) {
    if (starts(name, "busy")) return refuse(EBUSY);
    if (starts(name, "unable")) return refuse(EOPNOTSUPP);
    if (starts(name, "slow")) {
      note("freezing", name);
      close(open(getenv("FREEZE_GATE"), O_RDONLY | O_CLOEXEC));
    }
    note("freeze", name);
    return 0;
  }
  if (request == FITHAW) {
    note("thaw", name);
    if (starts(name, "torn")) return refuse(EIO);
    return starts(name, "awake") ? refuse(EINVAL) : 0;
  }
  return refuse(ENOTTY);
}

// What a test may lock into memory is little where it does not run as root.
int mlockall(int flags) {
  (void)flags;
  return 0;
}
