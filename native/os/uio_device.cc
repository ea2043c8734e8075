// SPDX-License-Identifier: MIT
//
// UIO devices; see uio_device.h.

#include "uio_device.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <climits>
#include <cstring>
#include <utility>

#include "channel.h"
#include "doorbell.h"
#include "map_offset.h"

namespace vmbus::os {

namespace {

constexpr int kOpenFlags = O_RDWR | O_NONBLOCK | O_NOCTTY;

// Maps are chosen by page offset; each mapping starts at byte 0 of its map.
constexpr int kMapRings = 0;
constexpr int kMapInterruptPage = 1;
constexpr int kMapMonitorPage = 2;
constexpr int kMapReceiveBuffer = 3;
constexpr int kMapSendBuffer = 4;

size_t PageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

Result<Mapping> MapOf(int fd, int map, size_t length, const std::shared_ptr<LinkState>& link) {
  return Mapping::Map(fd, length, static_cast<off_t>(static_cast<size_t>(map) * PageSize()), link);
}

std::string SysfsFolder(const struct stat& node) {
  return "/sys/dev/char/" + std::to_string(major(node.st_rdev)) + ":" +
         std::to_string(minor(node.st_rdev));
}

// Opening a device can have effects (a watchdog starts), so one that sysfs knows as something else
// is left alone.
bool IsUio(const struct stat& status) {
  char target[PATH_MAX];
  const ssize_t length = readlink(SysfsFolder(status).c_str(), target, sizeof(target) - 1);
  if (length < 0) return true;
  target[length] = '\0';
  return strstr(target, "/uio/uio") != nullptr;
}

// One whole page of the system, with the map somewhere in it.
Result<SharedPage> MapShared(int fd, const struct stat& node, int map,
                             const std::shared_ptr<LinkState>& link) {
  Result<size_t> offset = MapOffset(SysfsFolder(node), map, kSharedPageBytes, PageSize());
  if (!offset.ok()) return Errno{offset.error()};
  Result<Mapping> mapping = MapOf(fd, map, PageSize(), link);
  if (!mapping.ok()) return Errno{mapping.error()};
  return SharedPage{mapping.Take(), offset.value()};
}

Result<Mapping> MapRings(int node, const OpenPlan& plan, const std::shared_ptr<LinkState>& link) {
  if (!IsRingPairSize(plan.ring_bytes)) return Errno{EINVAL};
  const auto bytes = static_cast<size_t>(plan.ring_bytes);
  if (plan.ring_file.empty()) return MapOf(node, kMapRings, bytes, link);
  UniqueFd file(open(plan.ring_file.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return LastErrno();
  return Mapping::Map(file.get(), bytes, 0, link);
}

// 0 or an errno.
int MapBuffers(const BufferPlan& plan, OpenedNode* opened) {
  if (!plan.wanted()) return 0;
  const int node = opened->node.get();
  Result<Mapping> receive = MapOf(node, kMapReceiveBuffer, plan.receive_bytes, opened->link);
  if (!receive.ok()) return receive.error();
  Result<Mapping> send = MapOf(node, kMapSendBuffer, plan.send_bytes, opened->link);
  if (!send.ok()) return send.error();
  opened->receive_buffer = receive.Take();
  opened->send_buffer = send.Take();
  return 0;
}

}  // namespace

std::string ChannelsFolder(const struct stat& node) {
  return SysfsFolder(node) + "/device/channels";
}

OpenResult OpenUioDevice(const FoundNode& found, const OpenPlan& plan) {
  if (!IsUio(found.status)) return OpenFailure{0, OpenStage::kKind};
  OpenedNode opened;
  opened.kind = NodeKind::kDevice;
  opened.link = std::make_shared<LinkState>();
  opened.monitor_id = plan.monitor_id;
  opened.from_ring_file = !plan.ring_file.empty();

  Result<UniqueFd> node = OpenFound(found, kOpenFlags);
  if (!node.ok()) return OpenFailure{node.error(), OpenStage::kOpen};
  opened.node = node.Take();
  if (plan.exclusive && flock(opened.node.get(), LOCK_EX | LOCK_NB) != 0) {
    return OpenFailure{errno, OpenStage::kLock};
  }
  Result<Mapping> rings = MapRings(opened.node.get(), plan, opened.link);
  if (!rings.ok()) return OpenFailure{rings.error(), OpenStage::kMapRing};
  opened.rings = rings.Take();
  if (const int error = MapBuffers(plan.buffers, &opened); error != 0) {
    return OpenFailure{error, OpenStage::kMapBuffers};
  }
  if (plan.monitor_id < 0) return opened;

  for (const auto& [map, page] : {std::pair{kMapInterruptPage, &opened.interrupt_page},
                                  std::pair{kMapMonitorPage, &opened.monitor_page}}) {
    Result<SharedPage> shared = MapShared(opened.node.get(), found.status, map, opened.link);
    if (!shared.ok()) return OpenFailure{shared.error(), OpenStage::kMapPages};
    *page = shared.Take();
  }
  return opened;
}

Result<UniqueFd> ReopenUioDevice(const FoundNode& found) { return OpenFound(found, kOpenFlags); }

}  // namespace vmbus::os
