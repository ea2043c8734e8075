// SPDX-License-Identifier: MIT
//
// TAP interfaces; see tap_interface.h.

#include "tap_interface.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vmbus::os {

namespace {

// Addresses and type, and two tags of VLANs.
constexpr size_t kHeaderBytes = 14 + 2 * 4;
constexpr size_t kLeastFrame = 14;

// struct virtio_net_hdr; the kernel's header of it is none for C++.
struct FrameHeader {
  uint8_t flags;
  uint8_t segmentation;
  uint16_t header_bytes;
  uint16_t segment_bytes;
  uint16_t checksum_start;
  uint16_t checksum_offset;
};
static_assert(sizeof(FrameHeader) == 10);
constexpr uint8_t kChecksumsVerified = 2;  // VIRTIO_NET_HDR_F_DATA_VALID

ifreq RequestFor(const std::string& name) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), std::min(name.size(), sizeof(request.ifr_name) - 1));
  return request;
}

}  // namespace

std::variant<TapInterface, TapFailure> TapInterface::Make(const TapPlan& plan) {
  const auto failed = [](TapStage stage) { return TapFailure{stage, errno}; };
  UniqueFd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return failed(TapStage::kOpen);

  if (plan.name.size() >= IFNAMSIZ) return TapFailure{TapStage::kMake, ENAMETOOLONG};
  ifreq request = RequestFor(plan.name);
  request.ifr_flags = static_cast<int16_t>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL);
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) return failed(TapStage::kMake);
  const std::string name(request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ));

  const UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!control.valid()) return failed(TapStage::kAddress);
  request = RequestFor(name);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, plan.mac.data(), plan.mac.size());
  if (ioctl(control.get(), SIOCSIFHWADDR, &request) != 0) return failed(TapStage::kAddress);

  request = RequestFor(name);
  request.ifr_mtu = plan.mtu;
  if (ioctl(control.get(), SIOCSIFMTU, &request) != 0) return failed(TapStage::kMtu);

  request = RequestFor(name);
  if (ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) return failed(TapStage::kUp);
  request.ifr_flags = static_cast<int16_t>(request.ifr_flags | IFF_UP);
  if (ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) return failed(TapStage::kUp);

  return TapInterface(std::move(fd), name, static_cast<size_t>(plan.mtu) + kHeaderBytes);
}

TapInterface::Received TapInterface::Receive(std::span<std::byte> arena,
                                             std::span<double> lengths) {
  // A frame that fills this was cut off: somebody has made the MTU larger.
  const size_t room = longest_frame_ + 1;
  size_t frames = 0;
  size_t offset = 0;
  while (frames < lengths.size() && arena.size() - offset >= room) {
    FrameHeader header;
    iovec parts[] = {{&header, sizeof(header)}, {arena.data() + offset, room}};
    const ssize_t count = readv(fd_.get(), parts, 2);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {frames, errno == EAGAIN ? 0 : EBADFD};
    const auto bytes = static_cast<size_t>(count);
    if (bytes < sizeof(header) + kLeastFrame || bytes - sizeof(header) > longest_frame_) continue;
    lengths[frames] = static_cast<double>(bytes - sizeof(header));
    frames += 1;
    offset += bytes - sizeof(header);
  }
  return {frames, 0};
}

int TapInterface::Send(std::span<const std::byte> frame, bool checked) {
  FrameHeader header{};
  if (checked) header.flags = kChecksumsVerified;
  auto* bytes = const_cast<std::byte*>(frame.data());
  const iovec parts[] = {{&header, sizeof(header)}, {bytes, frame.size()}};
  for (;;) {
    if (writev(fd_.get(), parts, 2) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

int TapInterface::SetCarrier(bool up) {
  int value = up ? 1 : 0;
  return ioctl(fd_.get(), TUNSETCARRIER, &value) == 0 ? 0 : errno;
}

}  // namespace vmbus::os
