// SPDX-License-Identifier: MIT
//
// Listening sockets of simulated nodes; see listening_node.h.

#include "listening_node.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "node_path.h"

namespace vmbus::os {

namespace {

constexpr int kBacklog = 16;
constexpr mode_t kSocketMode = 0600;

struct SplitPath {
  std::string directory;
  std::string name;
};

SplitPath Split(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

}  // namespace

Result<ListeningNode> ListeningNode::Listen(const std::string& path) {
  const SplitPath split = Split(path);
  UniqueFd directory(open(split.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return LastErrno();
  Result<sockaddr_un> address = AddressInDirectory(directory.get(), split.name);
  if (!address.ok()) return Errno{address.error()};
  UniqueFd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.valid()) return LastErrno();
  // The mode of the socket is the mode of the path that bind makes.
  if (fchmod(listener.get(), kSocketMode) != 0) return LastErrno();
  const auto* bound = reinterpret_cast<const sockaddr*>(&address.value());
  if (bind(listener.get(), bound, sizeof(sockaddr_un)) != 0) return LastErrno();
  ListeningNode node;
  node.name_ = split.name;
  node.directory_ = std::move(directory);
  node.listener_ = std::move(listener);
  if (listen(node.fd(), kBacklog) != 0) return LastErrno();
  return node;
}

ListeningNode& ListeningNode::operator=(ListeningNode&& other) noexcept {
  if (this == &other) return *this;
  Close();
  name_ = std::move(other.name_);
  directory_ = std::move(other.directory_);
  listener_ = std::move(other.listener_);
  return *this;
}

Result<UniqueFd> ListeningNode::Accept() const {
  UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return errno == EINTR ? Errno{ECONNABORTED} : LastErrno();
  return fd;
}

void ListeningNode::Close() {
  if (listener_.valid()) unlinkat(directory_.get(), name_.c_str(), 0);
  listener_.Close();
  directory_.Close();
}

}  // namespace vmbus::os
