// SPDX-License-Identifier: MIT
//
// The 4-byte write to a node with which the kernel tells the host to look at every slow channel of
// the device. It is held back while it would crash the guest: since Linux 6.1.170 and 6.12.69 the
// kernel then stores into the ring of each subchannel that the host offers, also of those that it
// has not opened, which have none. Nothing but the crash tells these kernels from others, so it is
// held back on all of them. What is held back is given later, on a timer of the lease's owner.
// Between the look and the write a subchannel can still be offered: only whoever asks the host for
// subchannels can keep quiet meanwhile.
// Called by: doorbell, from any thread; lease.
// Source: Linux drivers/uio/uio_hv_generic.c (hv_uio_irqcontrol, set_event).

#ifndef VMBUS_OS_NODE_SIGNAL_H_
#define VMBUS_OS_NODE_SIGNAL_H_

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "link_state.h"
#include "offered_channels.h"
#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

class NodeSignal {
 public:
  using Clock = std::chrono::steady_clock;

  // The kernel opens a subchannel within milliseconds, or never.
  static constexpr std::chrono::seconds kPatience{10};

  // The descriptor stays the lease's; it outlives every open channel. `channels` is the folder to
  // look at; one that is not there, and '', stand for none.
  static Result<std::shared_ptr<NodeSignal>> Make(int node_fd, std::shared_ptr<LinkState> link,
                                                  const std::string& channels, int primary_relid,
                                                  Clock::duration patience = kPatience);

  // Tells the host, or owes it.
  void Give();

  // Readable while a signal is owed; -1 where none ever is.
  int timer_fd() const { return timer_.get(); }
  // When it is. False: the patience is over, and the host will not be told.
  [[nodiscard]] bool GiveOwed();

 private:
  NodeSignal(int node_fd, std::shared_ptr<LinkState> link, Clock::duration patience)
      : node_fd_(node_fd), link_(std::move(link)), patience_(patience) {}
  void Write();
  void Owe();
  void SetTimer(std::chrono::milliseconds every);

  const int node_fd_;
  const std::shared_ptr<LinkState> link_;
  const Clock::duration patience_;
  std::mutex mutex_;
  std::optional<OfferedChannels> offered_;
  UniqueFd timer_;
  std::optional<Clock::time_point> owed_since_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_NODE_SIGNAL_H_
