// SPDX-License-Identifier: MIT
//
// A queue of frames of one environment, and the arena that its script registered.
// Used by: frame_functions.

#ifndef VMBUS_BINDING_FRAME_ENTRY_H_
#define VMBUS_BINDING_FRAME_ENTRY_H_

#include <memory>
#include <utility>

#include "../os/frame_queue.h"
#include "channel_entry.h"

namespace vmbus::binding {

class FrameEntry {
 public:
  FrameEntry(std::shared_ptr<os::Channel> channel, std::shared_ptr<os::FrameBuffers> buffers,
             int relid)
      : queue(std::move(channel), std::move(buffers), relid) {}

  os::FrameQueue queue;
  Arena receive;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_FRAME_ENTRY_H_
