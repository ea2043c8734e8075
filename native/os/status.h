// SPDX-License-Identifier: MIT
//
// What channel calls answer instead of a count. Part of the addon's surface: the numbers stand in
// lib/native/binding.ts. Violations of the ring rules are answered as -1 … -99, the negated
// core::Violation.

#ifndef VMBUS_OS_STATUS_H_
#define VMBUS_OS_STATUS_H_

#include <cstdint>

#include "../core/violation.h"

namespace vmbus::os {

inline constexpr int32_t kClosed = -1000;
inline constexpr int32_t kRescinded = -1001;
inline constexpr int32_t kArenaTooSmall = -1002;
inline constexpr int32_t kTooLarge = -1003;
inline constexpr int32_t kFull = -1004;
inline constexpr int32_t kBadRow = -1005;
inline constexpr int32_t kAgain = -1006;

constexpr int32_t ViolationStatus(core::Violation violation) {
  return -static_cast<int32_t>(violation);
}

}  // namespace vmbus::os

#endif  // VMBUS_OS_STATUS_H_
