// SPDX-License-Identifier: MIT
//
// A seqpacket socket in the place of a device node, for a simulated host to serve.
// Called by: node_server, service_server. Source: unix(7).

#ifndef VMBUS_OS_LISTENING_NODE_H_
#define VMBUS_OS_LISTENING_NODE_H_

#include <string>

#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

class ListeningNode {
 public:
  // Binds a socket at the path, mode 0600; the path must be free.
  static Result<ListeningNode> Listen(const std::string& path);
  ListeningNode() = default;
  ListeningNode(ListeningNode&& other) noexcept = default;
  ListeningNode& operator=(ListeningNode&& other) noexcept;
  ListeningNode(const ListeningNode&) = delete;
  ListeningNode& operator=(const ListeningNode&) = delete;
  ~ListeningNode() { Close(); }

  int fd() const { return listener_.get(); }

  // One waiting connection. Errno EAGAIN: none waits. ECONNABORTED: that one is gone, ask again.
  // Any other, EMFILE above all: it still waits, and would be told of again at once; ask later.
  Result<UniqueFd> Accept() const;

  // Closes the socket and unlinks the path. The connections live on.
  void Close();

 private:
  std::string name_;  // of the socket in its directory
  UniqueFd directory_;
  UniqueFd listener_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_LISTENING_NODE_H_
