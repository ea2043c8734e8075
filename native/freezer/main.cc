// SPDX-License-Identifier: MIT
//
// vmbus-freezer: holds file systems frozen for a backup, in a process of its own, so that whatever
// becomes of the script that asked for it, they are thawed again.
// Started by: lib/services/backup/freezer.ts. Calls mounts, worker, process, report.
//
//   vmbus-freezer [--own-foreign] --deadline-ms N (MAJOR:MINOR PATH)...
//   vmbus-freezer --thaw (MAJOR:MINOR PATH)...
//
// Opens all of them, says `ready`, and waits on standard input: `F` freezes them in the order
// given, `T` thaws them in the other one. They are thawed as well when standard input ends (the
// script is gone), when the deadline since `F` has passed, also if the machine slept meanwhile, on
// SIGTERM, SIGINT, SIGHUP and SIGQUIT (a service manager kills next), and when one of them could
// not be frozen. SIGKILL is the one thing it cannot answer; `--thaw` is the way out then. While
// anything is frozen it opens nothing, allocates nothing, and writes to its pipe alone.

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "mounts.h"
#include "process.h"
#include "report.h"
#include "worker.h"

namespace vmbus::freezer {

namespace {

// Raised with every change of arguments or lines: an executable and a library of different versions
// must not misunderstand each other.
constexpr int kProtocol = 1;
constexpr long kMostMs = 24L * 3600 * 1000;
enum Exit { kDone = 0, kFailed = 1, kUsage = 2 };

Mounts mounts;

struct Options {
  long deadline_ms = 0;
  bool thaws = false;
};

bool ParseMs(const char* text, long* ms) {
  char* end = nullptr;
  *ms = strtol(text, &end, 10);
  return end != text && *end == '\0' && *ms > 0 && *ms <= kMostMs;
}

bool Parse(int count, char** words, Options* options) {
  int i = 1;
  for (; i < count && strncmp(words[i], "--", 2) == 0; ++i) {
    if (strcmp(words[i], "--own-foreign") == 0) {
      mounts.OwnForeign();
    } else if (strcmp(words[i], "--thaw") == 0) {
      options->thaws = true;
    } else if (strcmp(words[i], "--deadline-ms") == 0 && i + 1 < count) {
      if (!ParseMs(words[++i], &options->deadline_ms)) return false;
    } else {
      return false;
    }
  }
  for (; i + 1 < count; i += 2) {
    if (!mounts.Add(words[i], words[i + 1])) return false;
  }
  return i == count && options->thaws == (options->deadline_ms == 0);
}

// Thaws whatever anybody froze. Answers how many it could neither thaw nor find thawed.
int ThawEverything() {
  int failures = 0;
  for (int i = mounts.count() - 1; i >= 0; --i) {
    int error = mounts.Open(i);
    if (error == 0) error = mounts.ThawAny(i);
    Say("thawed", i, error);
    if (error != 0 && error != EINVAL) ++failures;
  }
  return failures;
}

// Thaws what we froze. Answers how many stayed frozen.
int ThawOurs() {
  int failures = 0;
  for (int i = mounts.count() - 1; i >= 0; --i) {
    const int error = mounts.Thaw(i);
    if (error == Mounts::kNothing) continue;
    Say("thawed", i, error);
    if (error != 0 && error != EINVAL) ++failures;
  }
  return failures;
}

int StartClock(int timer, long ms) {
  struct itimerspec time = {};
  time.it_value.tv_sec = ms / 1000;
  time.it_value.tv_nsec = ms % 1000 * 1'000'000;
  return timerfd_settime(timer, 0, &time, nullptr);
}

enum class Told { kNothing, kFreeze, kThaw, kGone };

Told ReadControl() {
  char command = 0;
  const ssize_t bytes = read(STDIN_FILENO, &command, 1);
  if (bytes == 0) return Told::kGone;
  if (bytes < 0) return errno == EAGAIN || errno == EINTR ? Told::kNothing : Told::kGone;
  if (command == 'F') return Told::kFreeze;
  return command == 'T' ? Told::kThaw : Told::kNothing;
}

// What the main thread waits for, until there is a reason to end.
class Watch {
 public:
  Watch(Worker& worker, int signals, int timer, long deadline_ms)
      : worker_(worker), timer_(timer), deadline_ms_(deadline_ms) {
    watched_[kControl] = {STDIN_FILENO, POLLIN, 0};
    watched_[kSignals] = {signals, POLLIN, 0};
    watched_[kTimer] = {timer, POLLIN, 0};
    watched_[kDone] = {worker.done_fd(), POLLIN, 0};
  }

  const char* WaitForReason() {
    for (;;) {
      if (poll(watched_, kCount, -1) < 0) continue;
      if (Is(kTimer)) return "deadline";
      if (Is(kSignals)) return "signal";
      if (Is(kDone)) {
        watched_[kDone].fd = -1;
        is_done_ = true;
        if (worker_.has_failed()) return "failed";
        Say("holding");
      }
      if (!Is(kControl)) continue;
      switch (ReadControl()) {
        case Told::kFreeze:
          if (!Begin()) return "failed";
          break;
        case Told::kThaw:
          return "told";
        case Told::kGone:
          return "closed";
        case Told::kNothing:
          break;
      }
    }
  }

  // The worker may still be inside the kernel, with a file system that it can only freeze now that
  // the others are thawed; it thaws that one itself.
  void AwaitWorker() {
    if (!is_begun_ || is_done_) return;
    uint64_t count = 0;
    while (read(worker_.done_fd(), &count, sizeof count) < 0 && errno == EINTR) {
    }
  }

 private:
  enum { kControl, kSignals, kTimer, kDone, kCount };

  bool Is(int which) const { return watched_[which].fd >= 0 && watched_[which].revents != 0; }

  bool Begin() {
    if (is_begun_) return true;
    // First the clock, then the first freeze.
    if (StartClock(timer_, deadline_ms_) != 0) return false;
    is_begun_ = true;
    worker_.Freeze();
    return true;
  }

  Worker& worker_;
  const int timer_;
  const long deadline_ms_;
  struct pollfd watched_[kCount];
  bool is_begun_ = false;
  bool is_done_ = false;
};

int Refuse(const char* what, int error) {
  Say(what, error);
  return kFailed;
}

int Hold(long deadline_ms) {
  const int signals = WatchSignals();
  if (signals < 0) return Refuse("no-signals", -signals);
  // Goes on while the machine sleeps.
  const int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (timer < 0) return Refuse("no-clock", errno);
  for (int i = 0; i < mounts.count(); ++i) {
    const int error = mounts.Open(i);
    if (error == 0) continue;
    Say("unopened", i, error);
    return kFailed;
  }
  Worker worker(mounts);
  if (const int error = worker.Start(); error != 0) return Refuse("no-thread", error);
  if (const int error = LockMemory(); error != 0) return Refuse("no-memory-lock", error);
  MakeSpeechUnwaiting();
  Say("ready", kProtocol, mounts.count());

  Watch watch(worker, signals, timer, deadline_ms);
  const char* reason = watch.WaitForReason();
  mounts.stop = true;
  int failures = ThawOurs();
  watch.AwaitWorker();
  failures += ThawOurs();
  SayEnd(reason, failures);
  // Not through the C library's exit: the worker may still wait.
  _exit(failures == 0 ? kDone : kFailed);
}

}  // namespace

}  // namespace vmbus::freezer

int main(int count, char** words) {
  using namespace vmbus::freezer;  // NOLINT: main has to stand outside
  Options options;
  if (!Parse(count, words, &options)) {
    constexpr char kUse[] = "vmbus-freezer is started by the vmbus library; see hv vss --help\n";
    if (write(STDERR_FILENO, kUse, sizeof kUse - 1) < 0) return kUsage;
    return kUsage;
  }
  SettleProcess();
  if (!options.thaws) return Hold(options.deadline_ms);
  const int failures = ThawEverything();
  SayEnd("told", failures);
  return failures == 0 ? kDone : kFailed;
}
