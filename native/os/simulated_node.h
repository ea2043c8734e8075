// SPDX-License-Identifier: MIT
//
// Connecting to a node of a simulated host: a seqpacket socket in the place of /dev/uioN.
// Called by: lease, off the event loop (it waits for the host's answer). The answer is checked like
// any host's. Counterpart: node_server. Source: node_handshake.h.

#ifndef VMBUS_OS_SIMULATED_NODE_H_
#define VMBUS_OS_SIMULATED_NODE_H_

#include "node_path.h"
#include "open_plan.h"

namespace vmbus::os {

OpenResult ConnectSimulatedNode(const FoundNode& found, const OpenPlan& plan);

// One more connection with wakes of its own; its copy of the memory is dropped.
Result<UniqueFd> ReconnectSimulatedNode(const FoundNode& found, int timeout_ms);

}  // namespace vmbus::os

#endif  // VMBUS_OS_SIMULATED_NODE_H_
