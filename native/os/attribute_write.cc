// SPDX-License-Identifier: MIT
//
// Attribute writes; see attribute_write.h.

#include "attribute_write.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <string_view>

#include "node_path.h"

namespace vmbus::os {

namespace {

constexpr int kAnswerMs = 30'000;
constexpr size_t kMaxAnswer = 16;
constexpr int kMaxErrno = 4095;

int WriteFile(const FoundNode& found, const std::string& text) {
  // Truncating means nothing to sysfs, and keeps regular files of a simulated tree free of older
  // text.
  Result<UniqueFd> file = OpenFound(found, O_WRONLY | O_TRUNC | O_NOCTTY);
  if (!file.ok()) return file.error();
  // One call, never continued: to sysfs each write is a command of its own.
  const ssize_t written = write(file.value().get(), text.data(), text.size());
  if (written < 0) return errno;
  return static_cast<size_t>(written) == text.size() ? 0 : EIO;
}

int ParseAnswer(std::string_view answer) {
  while (!answer.empty() && (answer.back() == '\n' || answer.back() == ' '))
    answer.remove_suffix(1);
  int number = -1;
  const auto [end, error] = std::from_chars(answer.data(), answer.data() + answer.size(), number);
  const bool sound = error == std::errc() && end == answer.data() + answer.size();
  return sound && number >= 0 && number <= kMaxErrno ? number : EPROTO;
}

int ReadAnswer(int fd) {
  timespec start{};
  clock_gettime(CLOCK_MONOTONIC, &start);
  char answer[kMaxAnswer];
  size_t used = 0;
  for (;;) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t left =
        kAnswerMs - (now.tv_sec - start.tv_sec) * 1000 - (now.tv_nsec - start.tv_nsec) / 1'000'000;
    if (left <= 0) return ETIMEDOUT;
    pollfd entry{fd, POLLIN, 0};
    if (poll(&entry, 1, static_cast<int>(left)) < 0 && errno != EINTR) return errno;
    if (entry.revents == 0) continue;
    const ssize_t received = recv(fd, answer + used, sizeof(answer) - used, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (received < 0) return errno;
    if (received == 0) return ParseAnswer({answer, used});
    used += static_cast<size_t>(received);
    if (used == sizeof(answer)) return EPROTO;
  }
}

int AskSimulatedHost(const FoundNode& found, const std::string& text) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno;
  const timeval patience{kAnswerMs / 1000, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const sockaddr_un address = AddressOfFound(found);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return errno;
  }
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count = send(fd.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
    sent += static_cast<size_t>(count);
  }
  shutdown(fd.get(), SHUT_WR);
  return ReadAnswer(fd.get());
}

}  // namespace

int WriteAttribute(const std::string& path, const std::string& text) {
  Result<FoundNode> found = FindNode(path);
  if (!found.ok()) return found.error();
  if (S_ISSOCK(found.value().status.st_mode)) return AskSimulatedHost(found.value(), text);
  if (!S_ISREG(found.value().status.st_mode)) return EINVAL;
  return WriteFile(found.value(), text);
}

}  // namespace vmbus::os
