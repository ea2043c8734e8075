// SPDX-License-Identifier: MIT
//
// An Ethernet interface of this kernel whose other end is this process (TAP). It is gone when the
// descriptor is closed. Called by: native/binding tap_entry. Source: Linux
// Documentation/networking/tuntap.rst, include/uapi/linux/if_tun.h and virtio_net.h.

#ifndef VMBUS_OS_TAP_INTERFACE_H_
#define VMBUS_OS_TAP_INTERFACE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "unique_fd.h"

namespace vmbus::os {

struct TapPlan {
  std::string name;  // empty: the kernel finds one
  std::array<uint8_t, 6> mac;
  int mtu;
};

// Steps in their order; `TapStage` in lib/native/tap-functions.ts.
enum class TapStage { kOpen = 1, kMake = 2, kAddress = 3, kMtu = 4, kUp = 5 };

struct TapFailure {
  TapStage stage;
  int error;
};

class TapInterface {
 public:
  // Up, with this address and MTU. A name that is taken is EBUSY: nobody else's interface is used.
  static std::variant<TapInterface, TapFailure> Make(const TapPlan& plan);

  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }

  struct Received {
    size_t frames;
    int error;  // EBADFD: the interface is gone
  };
  // What the kernel sends, one frame behind the other from the arena's start, and their lengths.
  // Stops where the next might not fit. Longer ones than the MTU allows are not taken.
  Received Receive(std::span<std::byte> arena, std::span<double> lengths);

  // Hands a frame to the kernel. `checked`: its TCP or UDP checksum was verified, whatever stands
  // in it; the kernel need not look. 0 or an errno: EBADFD when the interface is gone; any other
  // says that the kernel does not take this one, as when the interface is down.
  int Send(std::span<const std::byte> frame, bool checked);

  // Whether a cable seems to be in. 0 or an errno.
  int SetCarrier(bool up);

 private:
  TapInterface(UniqueFd fd, std::string name, size_t longest_frame)
      : fd_(std::move(fd)), name_(std::move(name)), longest_frame_(longest_frame) {}

  UniqueFd fd_;
  std::string name_;
  size_t longest_frame_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_TAP_INTERFACE_H_
