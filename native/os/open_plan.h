// SPDX-License-Identifier: MIT
//
// What opening a node takes, what it yields, and where it can fail.
// Used by: uio_device, simulated_node, lease. The stages are part of the addon's surface
// (lib/native/binding.ts).

#ifndef VMBUS_OS_OPEN_PLAN_H_
#define VMBUS_OS_OPEN_PLAN_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "link_state.h"
#include "mapping.h"
#include "unique_fd.h"

namespace vmbus::os {

enum class OpenStage : int32_t {
  kNone = 0,
  kFind = 1,
  kKind = 2,
  kOpen = 3,
  kConnect = 4,
  kHandshake = 5,
  kLock = 6,
  kMapRing = 7,
  kMapPages = 8,
  kHeader = 9,
  kMapBuffers = 10,
};

// The two buffers of a device that has them (UIO maps 3 and 4), as sysfs shows them. A simulated
// node must say the same.
struct BufferPlan {
  uint64_t receive_bytes = 0;  // 0, both: none is wanted
  uint64_t send_bytes = 0;
  uint32_t receive_handle = 0;
  uint32_t send_handle = 0;

  bool wanted() const { return receive_bytes != 0; }
};

struct OpenPlan {
  std::string path;
  uint64_t ring_bytes = 0;  // both rings with their headers; a simulated node says it by itself
  std::string ring_file;    // sysfs ring file to map in place of map 0, or empty
  int32_t monitor_id = -1;  // -1: slow channel
  int32_t relid = 0;
  // The device's `channels` in sysfs; empty: a device's is found by the node's numbers.
  std::string channels_folder;
  bool exclusive = true;
  BufferPlan buffers;
  int32_t timeout_ms = 10'000;  // for a simulated node's answer; a kernel's open has no timeout
};

enum class NodeKind : int32_t { kDevice = 0, kSimulated = 1 };

// 4096 bytes that all channels of the bus share, in a page of the system that may be larger.
struct SharedPage {
  Mapping page;
  size_t offset = 0;

  // Null where there is none.
  std::byte* data() const { return page.data() == nullptr ? nullptr : page.data() + offset; }
};

// An open node. Members go in reverse order: the mappings before the descriptor that keeps the
// channel connected.
struct OpenedNode {
  NodeKind kind = NodeKind::kDevice;
  std::shared_ptr<LinkState> link;
  struct stat file{};  // of the path, when it was opened
  UniqueFd node;
  UniqueFd lock;              // a simulated node's ring memory: the lock hangs on it
  SharedPage interrupt_page;  // fast channels only
  SharedPage monitor_page;
  Mapping receive_buffer;  // where they were wanted
  Mapping send_buffer;
  Mapping rings;
  int32_t monitor_id = -1;
  bool from_ring_file = false;
};

struct OpenFailure {
  int error;
  OpenStage stage;
};

using OpenResult = std::variant<OpenedNode, OpenFailure>;

}  // namespace vmbus::os

#endif  // VMBUS_OS_OPEN_PLAN_H_
