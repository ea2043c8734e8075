// SPDX-License-Identifier: MIT
//
// The host's end of one simulated UIO node: the listening socket, the rings' memory, the
// connections, the wakes. Called by: native/binding serve_functions, on one thread; that side
// watches the descriptors and calls the methods when they are readable. Counterpart:
// simulated_node. Source: node_handshake.h.

#ifndef VMBUS_OS_NODE_SERVER_H_
#define VMBUS_OS_NODE_SERVER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "channel.h"
#include "guest_memory.h"
#include "link_state.h"
#include "listening_node.h"
#include "mapping.h"
#include "memory_share.h"
#include "result.h"
#include "shown_memory.h"
#include "unique_fd.h"

namespace vmbus::os {

inline constexpr size_t kMaxConnections = 64;

class NodeServer {
 public:
  // Binds a socket at the path, mode 0600; the path must be free. `ring_bytes` is both rings,
  // `monitor_id` -1 for slow.
  static Result<std::unique_ptr<NodeServer>> Listen(const std::string& path, uint64_t ring_bytes,
                                                    int monitor_id);
  NodeServer(const NodeServer&) = delete;
  NodeServer& operator=(const NodeServer&) = delete;
  ~NodeServer();

  int listening_fd() const { return listener_.fd(); }
  bool is_fast() const { return monitor_page_.data() != nullptr; }
  size_t connection_count() const { return connections_.size(); }

  struct Accepted {
    int fd;      // stays the server's
    bool first;  // nobody was connected: the rings were reset
  };
  // One waiting connection. Errno EAGAIN: none waits. ECONNABORTED: that one is gone, ask again.
  // Any other, EMFILE above all: it still waits, and would be told of again at once; ask later.
  Result<Accepted> Accept();
  // Sends the handshake: from then on the guest has the channel open. 0 or an errno.
  int Greet(int connection_fd);

  // kMemory: it showed us some of its memory, or tried to, and was answered.
  enum class Heard { kNothing, kDoorbell, kMemory, kGone };
  struct Message {
    Heard what;
    int32_t value;  // kDoorbell
  };
  // One message of a connection.
  Message Read(int connection_fd);
  // Forgets and closes it; not before nobody watches it any more.
  void Drop(int connection_fd);

  // 4 bytes to every connection that has its handshake; the others look at the rings by themselves
  // when they get it. One whose socket is full has a wake pending.
  void Wake();

  // Takes the monitor bits of all rings: true if one was set. For a timer, as the hypervisor polls.
  bool TakeMonitorSignals();

  // Ring number > 0.
  Result<int> AddRing(uint64_t ring_bytes, int monitor_id);
  void RemoveRing(int ring);
  // -1 for an unknown ring.
  int RingDescriptor(int ring) const;
  // The host's end of a ring, the same for each call; null for an unknown ring.
  std::shared_ptr<Channel> Host(int ring);

  // Buffers that every guest gets from now on, with the handles that the host knows them by.
  struct Buffer {
    std::shared_ptr<GuestMemory> memory;
    uint32_t gpadl = 0;
  };
  // 0 or an errno: EINVAL for sizes that no guest would take.
  int ShareBuffers(Buffer receive, Buffer send);

  // What the guests have shown of their memory.
  ShownMemory& memory() { return memory_; }

  LinkState& link() { return *link_; }

  // Closes the host's ends and the socket, and unlinks the path. The connections are the caller's
  // to Drop.
  void Close();

 private:
  struct Ring {
    UniqueFd memory;
    std::shared_ptr<Channel> host;
    int monitor_id;
  };

  NodeServer() = default;
  Result<Ring> MakeRing(uint64_t ring_bytes, int monitor_id);
  int MakePages();
  int SendHandshake(int fd) const;
  Message TakeOffer(int connection_fd, const MemoryOffer& offer, UniqueFd memory, UniqueFd answer);

  ListeningNode listener_;
  uint64_t ring_bytes_ = 0;
  uint32_t wake_count_ = 0;
  std::shared_ptr<LinkState> link_ = std::make_shared<LinkState>();
  UniqueFd interrupt_memory_;
  UniqueFd monitor_memory_;
  Buffer receive_;
  Buffer send_;
  Mapping interrupt_page_;
  Mapping monitor_page_;
  std::map<int, Ring> rings_;
  ShownMemory memory_;
  int next_ring_ = 0;
  struct Connection {
    UniqueFd fd;
    bool greeted;
  };
  std::map<int, Connection> connections_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_NODE_SERVER_H_
