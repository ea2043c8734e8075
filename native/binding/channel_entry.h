// SPDX-License-Identifier: MIT
//
// A channel handle of one environment: the channel, and the arenas that its script registered.
// Used by: channel_functions, lease_functions, serve_functions.

#ifndef VMBUS_BINDING_CHANNEL_ENTRY_H_
#define VMBUS_BINDING_CHANNEL_ENTRY_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "../os/channel.h"

namespace vmbus::binding {

// A Uint8Array and an Int32Array of the script, kept from collection. Addresses are asked for at
// every use: the script can detach or shrink a buffer at any time, and an old address would be
// somebody else's memory.
class Arena {
 public:
  Arena() = default;
  Arena(napi_env env, napi_value bytes, napi_value index);
  Arena(Arena&& other) noexcept { *this = std::move(other); }
  Arena& operator=(Arena&& other) noexcept {
    std::swap(env_, other.env_);
    std::swap(bytes_, other.bytes_);
    std::swap(index_, other.index_);
    return *this;
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  // False when nothing is registered. Valid until JavaScript runs again.
  bool Get(std::span<std::byte>* bytes, std::span<int32_t>* index) const;

 private:
  napi_env env_ = nullptr;
  napi_ref bytes_ = nullptr;
  napi_ref index_ = nullptr;
};

class ChannelEntry {
 public:
  // `owner` is the lease, node or guest memory; its address only.
  ChannelEntry(std::shared_ptr<os::Channel> channel, const void* owner)
      : channel_(std::move(channel)), owner_(owner) {}

  os::Channel& channel() { return *channel_; }
  const std::shared_ptr<os::Channel>& share() const { return channel_; }
  const void* owner() const { return owner_; }

  Arena receive;
  Arena send;
  // Signals to the guest that JavaScript is to deliver; null where the channel does it itself.
  std::shared_ptr<uint32_t> signals;

 private:
  std::shared_ptr<os::Channel> channel_;
  const void* owner_;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_CHANNEL_ENTRY_H_
