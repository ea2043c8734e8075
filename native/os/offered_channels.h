// SPDX-License-Identifier: MIT
//
// Whether the kernel has opened every channel that the host offers on a device.
// Called by: node_signal, before each write to the node. Source: Linux drivers/hv/vmbus_drv.c
// (vmbus_add_channel_kobj, hv_mmap_ring_buffer_wrapper), drivers/uio/uio_hv_generic.c
// (hv_uio_new_channel), Documentation/ABI/stable/sysfs-bus-vmbus.

#ifndef VMBUS_OS_OFFERED_CHANNELS_H_
#define VMBUS_OS_OFFERED_CHANNELS_H_

#include <sys/types.h>

#include <string>
#include <utility>

#include "unique_fd.h"

namespace vmbus::os {

class OfferedChannels {
 public:
  // `folder` is the device's `channels` in sysfs, opened. The primary channel is open with the
  // node, whatever the folder says: on some kernels it has no ring file.
  OfferedChannels(UniqueFd folder, int primary_relid)
      : folder_(std::move(folder)), primary_(std::to_string(primary_relid)) {}

  // One fstat(2) as long as nothing is offered anew. A subchannel that is open stays so, and keeps
  // its folder, until the node's last close.
  bool AreOpen();

 private:
  bool LookAtEach() const;
  bool IsOpen(const std::string& relid) const;

  UniqueFd folder_;
  std::string primary_;
  nlink_t links_when_open_ = 0;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_OFFERED_CHANNELS_H_
