// SPDX-License-Identifier: MIT
//
// vmbus-keeper: keeps a device open and the memory that its host may write to, in a process of its
// own, so that whatever becomes of the script, the device is closed before the memory goes back to
// the kernel. A host writes to the pages that a request named until the channel is closed; pages
// freed before that would be somebody else's by then.
// Started by: lib/devices/dma/keeper.ts.
//
//   vmbus-keeper COUNT      descriptor 3: the device, or the socket of a simulated one
//                           4, where COUNT is 2 or 3: the memory    5, where it is 3: what pins it
// With 1 the memory is the kernel's own.
//
// Says `ready 1` and waits for the end of standard input: the script is done with the device, or
// is gone. Then it closes the device, which returns when the host has let go, then the memory, and
// ends. No signal hurries it but SIGKILL. Then the kernel closes in our place, the highest number
// first (since Linux 4.3, task_work_run() in kernel/task_work.c): so the device has that one, too.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../program/settle.h"

namespace vmbus::keeper {

namespace {

constexpr int kDevice = 3;
constexpr int kMemory = 4;
constexpr int kPin = 5;
enum Exit { kDone = 0, kFailed = 1, kUsage = 2 };

// The version raises with every change of arguments, descriptors or words.
constexpr char kReady[] = "ready 1\n";
constexpr char kUse[] = "vmbus-keeper is started by the vmbus library; see hv scsi --help\n";

// A service manager that stops the script asks everybody of its group; the script's end is what
// counts here.
void BlockSignals() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
}

// Something that rings and wakes come by: a character device, or a socket.
bool IsDevice(int fd) {
  struct stat found = {};
  if (fstat(fd, &found) != 0) return false;
  return S_ISCHR(found.st_mode) || S_ISSOCK(found.st_mode);
}

bool IsMemory(int fd) {
  struct stat found = {};
  return fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}

bool ParseCount(int words, char** text, int* count) {
  if (words != 2) return false;
  if (strlen(text[1]) != 1 || text[1][0] < '1' || text[1][0] > '3') return false;
  *count = text[1][0] - '0';
  return true;
}

void AwaitEnd() {
  char nothing[64];
  for (;;) {
    const ssize_t bytes = read(STDIN_FILENO, nothing, sizeof nothing);
    if (bytes == 0 || (bytes < 0 && errno != EINTR)) return;
  }
}

}  // namespace

}  // namespace vmbus::keeper

int main(int words, char** text) {
  using namespace vmbus::keeper;  // NOLINT: main has to stand outside
  int count = 0;
  if (!ParseCount(words, text, &count) || !IsDevice(kDevice) || (count > 1 && !IsMemory(kMemory))) {
    if (write(STDERR_FILENO, kUse, sizeof kUse - 1) < 0) return kUsage;
    return kUsage;
  }
  vmbus::program::SettleProcess("vmbus-keeper", kDevice + count);
  BlockSignals();
  const int last = fcntl(kDevice, F_DUPFD_CLOEXEC, kDevice + count);
  if (last < 0) return kFailed;
  // Nobody reads it any more: then the end has come as well, and is seen below.
  if (write(STDOUT_FILENO, kReady, sizeof kReady - 1) < 0 && errno != EPIPE) return kFailed;
  AwaitEnd();
  // This order is what the program is for.
  close(last);
  close(kDevice);
  if (count > 1) close(kMemory);
  if (count > 2) close(kPin);
  return kDone;
}
