// SPDX-License-Identifier: MIT
//
// The process's hold on one UIO device or simulated node: the descriptor, the mappings and the
// channels on them. One environment owns a lease; others (worker threads) attach to it by its
// token, with wakes of their own, and end with it. The rings go when the last call in them returns,
// subchannels before the node's last close (the kernel frees their pages with it). Called by:
// native/binding lease_functions, channel_functions. Open, attach and close block: never on an
// event loop. Calls: uio_device, simulated_node, channel.

#ifndef VMBUS_OS_LEASE_H_
#define VMBUS_OS_LEASE_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "channel.h"
#include "device_buffer.h"
#include "frame_buffers.h"
#include "node_signal.h"
#include "open_plan.h"

namespace vmbus::os {

class Attachment;
class Lease;

using LeaseResult = std::variant<std::shared_ptr<Lease>, OpenFailure>;

struct LeaseFacts {
  NodeKind kind;
  uint64_t ring_bytes;
  uint32_t mask_at_open;
  bool from_ring_file;
  struct stat file;  // of the node's path at that time
  std::shared_ptr<LinkState> link;
};

class Lease : public std::enable_shared_from_this<Lease> {
 public:
  // Blocks. Opens, checks the ring headers, makes the primary channel and a token.
  static LeaseResult Open(const OpenPlan& plan);
  // The living lease of a token, or null.
  static std::shared_ptr<Lease> Find(uint64_t token);

  Lease(const OpenPlan& plan, OpenedNode node, std::shared_ptr<NodeSignal> signal,
        uint32_t mask_at_open);
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease();

  uint64_t token() const { return token_; }
  int node_fd() const { return node_.node.get(); }
  // Holds the node by a number above this descriptor's, too. When a process is killed, the kernel
  // lets go of its files from the highest number down (since Linux 4.3, task_work_run() in
  // kernel/task_work.c), and the host is to let go of memory before it is freed. 0 or an errno.
  int HoldAbove(int fd);
  const LeaseFacts& facts() const { return facts_; }
  LinkState& link() { return *facts_.link; }
  NodeSignal& signal() { return *signal_; }

  // Null after Close.
  std::shared_ptr<Channel> Primary();
  // The channel of a sysfs ring file; one per relid, shared by all who ask. Unmapped with its last
  // user.
  Result<std::shared_ptr<Channel>> Subchannel(const std::string& ring_file, int relid,
                                              int monitor_id);

  // Null where they were not wanted at open. They live on after Close, and are empty then.
  const std::shared_ptr<DeviceBuffer>& receive_buffer() const { return receive_buffer_; }
  const std::shared_ptr<DeviceBuffer>& send_buffer() const { return send_buffer_; }

  // What the queues of a network card share, made at the first call; null without buffers.
  std::shared_ptr<FrameBuffers> Frames();

  // After a wake: masks every ring whose reader does not wait for one.
  void SettleMasks();

  // Blocks: closes the channels, tells the attachments and waits for them, unmaps, closes the node.
  // 0, or ETIMEDOUT when an attachment has not let go of its descriptor: the kernel keeps the
  // channel open until then.
  int Close();

 private:
  friend class Attachment;

  std::unique_ptr<Doorbell> MakeDoorbell(int relid, int monitor_id);

  const uint64_t token_;
  const OpenPlan plan_;
  OpenedNode node_;
  const std::shared_ptr<NodeSignal> signal_;
  LeaseFacts facts_;
  std::mutex mutex_;
  UniqueFd above_;
  std::condition_variable attachments_changed_;
  bool closed_ = false;
  std::shared_ptr<Channel> primary_;
  std::shared_ptr<DeviceBuffer> receive_buffer_;
  std::shared_ptr<DeviceBuffer> send_buffer_;
  std::shared_ptr<FrameBuffers> frames_;
  std::map<int, std::weak_ptr<Channel>> subchannels_;
  std::map<const Attachment*, std::function<void()>> attachments_;
};

// One more descriptor of a lease's node. The lease stays until all attachments are gone.
class Attachment {
 public:
  // Blocks. `on_owner_closed` is called once, from any thread, when the owner closes the lease.
  static std::variant<std::unique_ptr<Attachment>, OpenFailure> Open(
      std::shared_ptr<Lease> lease, std::function<void()> on_owner_closed);
  Attachment(std::shared_ptr<Lease> lease, UniqueFd node)
      : lease_(std::move(lease)), node_(std::move(node)) {}
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  // May block: this can be the node's last close.
  ~Attachment();

  int node_fd() const { return node_.get(); }
  const std::shared_ptr<Lease>& lease() const { return lease_; }

 private:
  std::shared_ptr<Lease> lease_;
  UniqueFd node_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_LEASE_H_
