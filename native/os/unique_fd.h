// SPDX-License-Identifier: MIT
//
// A file descriptor with one owner, closed when the owner goes.
// Used by: every file of native/os that opens something.

#ifndef VMBUS_OS_UNIQUE_FD_H_
#define VMBUS_OS_UNIQUE_FD_H_

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace vmbus::os {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Somebody else's now.
  int Release() { return std::exchange(fd_, -1); }

  // Closes now. The number is gone whatever the kernel answers, so it is never tried twice. Keeps
  // errno.
  void Close() {
    if (fd_ < 0) return;
    const int saved = errno;
    ::close(std::exchange(fd_, -1));
    errno = saved;
  }

 private:
  int fd_ = -1;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_UNIQUE_FD_H_
