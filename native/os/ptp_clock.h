// SPDX-License-Identifier: MIT
//
// Reads a PTP clock (/dev/ptpN) between two looks at the system's clock.
// Called by: native/binding clock_functions.
// Source: Documentation/driver-api/ptp.rst of the kernel.

#ifndef VMBUS_OS_PTP_CLOCK_H_
#define VMBUS_OS_PTP_CLOCK_H_

#include <ctime>

namespace vmbus::os {

// CLOCK_REALTIME before and after, and the clock in between.
struct ClockReading {
  timespec before;
  timespec clock;
  timespec after;
};

// 0 or an errno: EINVAL for a descriptor that is no clock, ESTALE for Hyper-V's clock while the
// host has sent no time for long.
int ReadPtpClock(int fd, ClockReading& reading);

}  // namespace vmbus::os

#endif  // VMBUS_OS_PTP_CLOCK_H_
