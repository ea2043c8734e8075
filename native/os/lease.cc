// SPDX-License-Identifier: MIT
//
// Leases; see lease.h.

#include "lease.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <utility>

#include "node_path.h"
#include "simulated_node.h"
#include "uio_device.h"

namespace vmbus::os {

namespace {

// How long a close waits for worker threads to let go; a worker in a long computation must not hold
// it for ever.
constexpr std::chrono::seconds kAttachmentPatience{5};

// Every living lease of the process, by token. Never destroyed: threads may still close leases
// while the process exits.
struct Registry {
  std::mutex mutex;
  std::map<uint64_t, std::weak_ptr<Lease>> leases;
};

Registry& LeaseRegistry() {
  static auto* const registry = new Registry;
  return *registry;
}

uint64_t NextToken() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1);
}

// An open channel's rings have indices inside the data area: both zero after a first open, anything
// legal after another. Only looks: each ring has words that belong to the host, and perhaps another
// user of ours.
core::Violation CheckHeader(const core::RingMemory& ring) {
  if (!core::IsUsableRing(ring)) return core::Violation::kGeometry;
  const core::RingSnapshot words = core::SnapshotRing(ring);
  if (words.write_index >= ring.data_size) return core::Violation::kWriteIndexRange;
  if (words.write_index % core::kUnitBytes != 0) return core::Violation::kWriteIndexAlignment;
  if (words.read_index >= ring.data_size) return core::Violation::kReadIndexRange;
  if (words.read_index % core::kUnitBytes != 0) return core::Violation::kReadIndexAlignment;
  return core::Violation::kNone;
}

core::Violation CheckHeaders(const RingPair& rings) {
  const core::Violation inbound = CheckHeader(rings.in);
  return inbound != core::Violation::kNone ? inbound : CheckHeader(rings.out);
}

OpenResult OpenByKind(const FoundNode& found, const OpenPlan& plan) {
  switch (found.status.st_mode & S_IFMT) {
    case S_IFCHR:
      return OpenUioDevice(found, plan);
    case S_IFSOCK:
      return ConnectSimulatedNode(found, plan);
    default:
      return OpenFailure{0, OpenStage::kKind};
  }
}

OpenResult OpenNode(const OpenPlan& plan) {
  Result<FoundNode> found = FindNode(plan.path);
  if (!found.ok()) return OpenFailure{found.error(), OpenStage::kFind};
  OpenResult opened = OpenByKind(found.value(), plan);
  if (auto* node = std::get_if<OpenedNode>(&opened)) node->file = found.value().status;
  return opened;
}

Result<std::shared_ptr<NodeSignal>> MakeSignal(const OpenPlan& plan, const OpenedNode& node) {
  const bool ask = plan.channels_folder.empty() && node.kind == NodeKind::kDevice;
  const std::string folder = ask ? ChannelsFolder(node.file) : plan.channels_folder;
  return NodeSignal::Make(node.node.get(), node.link, folder, plan.relid);
}

// Whether the path still leads to the very file: a node that was made anew is another device's, or
// another offer's.
bool IsSameFile(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino && one.st_rdev == other.st_rdev;
}

}  // namespace

LeaseResult Lease::Open(const OpenPlan& plan) {
  OpenResult opened = OpenNode(plan);
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) return *failure;
  auto& node = *std::get_if<OpenedNode>(&opened);

  const RingPair rings = SplitRings(node.rings.data(), node.rings.size(), End::kGuest);
  const uint32_t mask = core::SnapshotRing(rings.in).interrupt_mask;
  const core::Violation broken = CheckHeaders(rings);
  if (node.link->IsGone()) return OpenFailure{EIO, OpenStage::kMapRing};
  if (broken != core::Violation::kNone) {
    return OpenFailure{static_cast<int>(broken), OpenStage::kHeader};
  }
  auto signal = MakeSignal(plan, node);
  if (!signal.ok()) return OpenFailure{signal.error(), OpenStage::kOpen};
  auto lease = std::make_shared<Lease>(plan, std::move(node), signal.Take(), mask);
  Registry& registry = LeaseRegistry();
  const std::lock_guard lock(registry.mutex);
  registry.leases.emplace(lease->token(), lease);
  return lease;
}

std::shared_ptr<Lease> Lease::Find(uint64_t token) {
  Registry& registry = LeaseRegistry();
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.leases.find(token);
  return found == registry.leases.end() ? nullptr : found->second.lock();
}

Lease::Lease(const OpenPlan& plan, OpenedNode node, std::shared_ptr<NodeSignal> signal,
             uint32_t mask_at_open)
    : token_(NextToken()),
      plan_(plan),
      node_(std::move(node)),
      signal_(std::move(signal)),
      facts_{node_.kind,           node_.rings.size(), mask_at_open,
             node_.from_ring_file, node_.file,         node_.link} {
  primary_ = std::make_shared<Channel>(std::move(node_.rings), End::kGuest,
                                       MakeDoorbell(plan.relid, node_.monitor_id), node_.link);
  if (!plan.buffers.wanted()) return;
  receive_buffer_ = std::make_shared<DeviceBuffer>(std::move(node_.receive_buffer), node_.link);
  send_buffer_ = std::make_shared<DeviceBuffer>(std::move(node_.send_buffer), node_.link);
}

Lease::~Lease() { static_cast<void>(Close()); }

std::unique_ptr<Doorbell> Lease::MakeDoorbell(int relid, int monitor_id) {
  const bool fast = monitor_id >= 0 && node_.monitor_page.data() != nullptr;
  if (!fast) return std::make_unique<IrqDoorbell>(signal_);
  return std::make_unique<MonitorDoorbell>(node_.interrupt_page.data(), node_.monitor_page.data(),
                                           relid, monitor_id);
}

std::shared_ptr<Channel> Lease::Primary() {
  const std::lock_guard lock(mutex_);
  return closed_ ? nullptr : primary_;
}

Result<std::shared_ptr<Channel>> Lease::Subchannel(const std::string& ring_file, int relid,
                                                   int monitor_id) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Errno{EBADF};
  if (node_.link->IsGone()) return Errno{EIO};
  if (std::shared_ptr<Channel> known = subchannels_[relid].lock()) return known;
  if (monitor_id >= 0 && node_.monitor_page.data() == nullptr) return Errno{ENOTSUP};

  UniqueFd file(open(ring_file.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return LastErrno();
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return LastErrno();
  if (!S_ISREG(status.st_mode)) return Errno{EINVAL};
  const auto bytes = static_cast<uint64_t>(status.st_size);
  if (status.st_size < 0 || !IsRingPairSize(bytes)) return Errno{EPROTO};
  Result<Mapping> rings = Mapping::Map(file.get(), bytes, 0, node_.link);
  if (!rings.ok()) return Errno{rings.error()};

  const RingPair pair = SplitRings(rings.value().data(), bytes, End::kGuest);
  if (CheckHeaders(pair) != core::Violation::kNone) return Errno{EPROTO};
  if (node_.link->IsGone()) return Errno{EIO};
  auto channel = std::make_shared<Channel>(rings.Take(), End::kGuest,
                                           MakeDoorbell(relid, monitor_id), node_.link);
  subchannels_[relid] = channel;
  return channel;
}

std::shared_ptr<FrameBuffers> Lease::Frames() {
  const std::lock_guard lock(mutex_);
  if (closed_ || receive_buffer_ == nullptr) return nullptr;
  if (frames_ == nullptr) frames_ = std::make_shared<FrameBuffers>(receive_buffer_, send_buffer_);
  return frames_;
}

int Lease::HoldAbove(int fd) {
  const std::lock_guard lock(mutex_);
  if (closed_) return EBADF;
  UniqueFd above(fcntl(node_.node.get(), F_DUPFD_CLOEXEC, fd + 1));
  if (!above.valid()) return errno;
  above_ = std::move(above);
  return 0;
}

void Lease::SettleMasks() {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  primary_->SettleMask();
  for (auto& [relid, weak] : subchannels_) {
    if (const std::shared_ptr<Channel> channel = weak.lock()) channel->SettleMask();
  }
}

int Lease::Close() {
  std::unique_lock lock(mutex_);
  if (closed_) return 0;
  closed_ = true;
  {
    Registry& registry = LeaseRegistry();
    const std::lock_guard registry_lock(registry.mutex);
    registry.leases.erase(token_);
  }
  for (auto& [relid, weak] : subchannels_) {
    if (const std::shared_ptr<Channel> channel = weak.lock()) channel->Close();
  }
  primary_->Close();
  if (receive_buffer_ != nullptr) receive_buffer_->Close();
  if (send_buffer_ != nullptr) send_buffer_->Close();
  for (auto& [attachment, on_owner_closed] : attachments_) {
    if (on_owner_closed) std::exchange(on_owner_closed, nullptr)();
  }
  const bool alone = attachments_changed_.wait_for(lock, kAttachmentPatience,
                                                   [this] { return attachments_.empty(); });
  // The last close waits for the host, which may never answer: nobody else is to wait for it.
  OpenedNode node = std::move(node_);
  UniqueFd above = std::move(above_);
  lock.unlock();
  node.interrupt_page.page.Unmap();
  node.monitor_page.page.Unmap();
  node.lock.Close();
  above.Close();
  node.node.Close();
  return alone ? 0 : ETIMEDOUT;
}

std::variant<std::unique_ptr<Attachment>, OpenFailure> Attachment::Open(
    std::shared_ptr<Lease> lease, std::function<void()> on_owner_closed) {
  Result<FoundNode> found = FindNode(lease->plan_.path);
  if (!found.ok()) return OpenFailure{found.error(), OpenStage::kFind};
  const bool device = lease->facts_.kind == NodeKind::kDevice;
  if (!IsSameFile(found.value().status, lease->facts_.file)) {
    return OpenFailure{0, OpenStage::kKind};
  }
  if (lease->facts_.link->IsGone()) return OpenFailure{EIO, OpenStage::kOpen};
  Result<UniqueFd> node = device ? ReopenUioDevice(found.value())
                                 : ReconnectSimulatedNode(found.value(), lease->plan_.timeout_ms);
  if (!node.ok()) {
    return OpenFailure{node.error(), device ? OpenStage::kOpen : OpenStage::kConnect};
  }
  auto attachment = std::make_unique<Attachment>(lease, node.Take());
  const std::lock_guard lock(lease->mutex_);
  if (lease->closed_) return OpenFailure{ECANCELED, OpenStage::kOpen};
  lease->attachments_.emplace(attachment.get(), std::move(on_owner_closed));
  return attachment;
}

Attachment::~Attachment() {
  node_.Close();
  const std::lock_guard lock(lease_->mutex_);
  lease_->attachments_.erase(this);
  lease_->attachments_changed_.notify_all();
}

}  // namespace vmbus::os
