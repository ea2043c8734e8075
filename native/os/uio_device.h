// SPDX-License-Identifier: MIT
//
// Opening /dev/uioN of uio_hv_generic: connect the channel, take the lock, map the rings and the
// signalling pages. Called by: lease, off the event loop: open(2) waits for the host without a
// timeout and cannot be interrupted. Source: Linux drivers/uio/uio.c, drivers/uio/uio_hv_generic.c.

#ifndef VMBUS_OS_UIO_DEVICE_H_
#define VMBUS_OS_UIO_DEVICE_H_

#include <string>

#include "node_path.h"
#include "open_plan.h"

namespace vmbus::os {

// The folder of the channels of the VMBus device behind a node, in sysfs.
std::string ChannelsFolder(const struct stat& node);

OpenResult OpenUioDevice(const FoundNode& found, const OpenPlan& plan);

// One more descriptor of the same device, with an event counter of its own. No lock, no mappings.
Result<UniqueFd> ReopenUioDevice(const FoundNode& found);

}  // namespace vmbus::os

#endif  // VMBUS_OS_UIO_DEVICE_H_
