// SPDX-License-Identifier: MIT
//
// Served service devices; see service_server.h.

#include "service_server.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

namespace vmbus::os {

Result<ServiceServer> ServiceServer::Listen(const std::string& path) {
  Result<ListeningNode> listener = ListeningNode::Listen(path);
  if (!listener.ok()) return Errno{listener.error()};
  ServiceServer server;
  server.listener_ = listener.Take();
  return server;
}

int ServiceServer::Accept() {
  Result<UniqueFd> accepted = listener_.Accept();
  if (!accepted.ok()) return accepted.error();
  if (!opener_.valid()) {
    opener_ = accepted.Take();
    return 0;
  }
  const int32_t error = EBUSY;
  // One that does not take it sees the end alone.
  static_cast<void>(
      send(accepted.value().get(), &error, sizeof(error), MSG_NOSIGNAL | MSG_DONTWAIT));
  return EBUSY;
}

int ServiceServer::Send(std::span<const std::byte> message) {
  if (!opener_.valid()) return ENOTCONN;
  const ssize_t count =
      send(opener_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return count < 0 ? errno : 0;
}

void ServiceServer::Close() {
  opener_.Close();
  listener_.Close();
}

}  // namespace vmbus::os
