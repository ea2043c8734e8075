// SPDX-License-Identifier: MIT
//
// Reads a PTP clock; see ptp_clock.h.

#include "ptp_clock.h"

#include <cerrno>

namespace vmbus::os {

namespace {

// FD_TO_CLOCKID of clock_getres(2), which no header of the C library has.
clockid_t ClockOf(int fd) {
  constexpr unsigned kClockFd = 3;
  return static_cast<clockid_t>((~static_cast<unsigned>(fd) << 3) | kClockFd);
}

}  // namespace

int ReadPtpClock(int fd, ClockReading& reading) {
  if (clock_gettime(CLOCK_REALTIME, &reading.before) != 0) return errno;
  if (clock_gettime(ClockOf(fd), &reading.clock) != 0) return errno;
  return clock_gettime(CLOCK_REALTIME, &reading.after) == 0 ? 0 : errno;
}

}  // namespace vmbus::os
