// SPDX-License-Identifier: MIT
//
// Clocks that Node cannot read. Called by: lib/insight/time through lib/native/binding.ts.
// Calls: os/ptp_clock.

#include <climits>
#include <cstddef>

#include "../os/ptp_clock.h"
#include "arguments.h"
#include "exports.h"
#include "functions.h"

namespace vmbus::binding {

namespace {

// Seconds and nanoseconds of three times: a double holds no nanoseconds since 1970.
constexpr std::size_t kNumbers = 6;

Napi::Value ReadPtpClock(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto fd = arguments.Integer(0, "fd", 0, INT_MAX);
  if (!fd) return {};
  const auto out = arguments.Doubles(1, "out", kNumbers);
  if (!out) return {};
  os::ClockReading reading{};
  const int error = os::ReadPtpClock(static_cast<int>(*fd), reading);
  if (error != 0) return arguments.Number(-error);
  std::size_t at = 0;
  for (const timespec& time : {reading.before, reading.clock, reading.after}) {
    (*out)[at++] = static_cast<double>(time.tv_sec);
    (*out)[at++] = static_cast<double>(time.tv_nsec);
  }
  return arguments.Number(0);
}

}  // namespace

void AddClockFunctions(Exports& exports) { exports.Add<ReadPtpClock>("readPtpClock"); }

}  // namespace vmbus::binding
