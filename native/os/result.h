// SPDX-License-Identifier: MIT
//
// A value, or the positive errno that stood in its way.
// Used by: every file of native/os that makes system calls, and by native/binding.

#ifndef VMBUS_OS_RESULT_H_
#define VMBUS_OS_RESULT_H_

#include <cerrno>
#include <optional>
#include <utility>

namespace vmbus::os {

struct Errno {
  int number;
};

inline Errno LastErrno() { return Errno{errno}; }

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT: reads as `return value`
  Result(Errno error) : error_(error.number) {}  // NOLINT: reads as `return LastErrno()`

  bool ok() const { return value_.has_value(); }
  int error() const { return error_; }
  // Only after ok().
  T& value() { return *value_; }
  T Take() { return std::move(*value_); }

 private:
  std::optional<T> value_;
  int error_ = 0;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_RESULT_H_
