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
#include "lasting_memory.h"

namespace vmbus::binding {

// A typed array of the script, kept from collection. In memory of ours (lasting_memory.h) its
// elements have one address for good. That of any other is asked for at every use: the script can
// detach or shrink its buffer at any time, and an old address would be somebody else's memory.
template <class T>
class KeptArray {
 public:
  KeptArray() = default;
  KeptArray(napi_env env, napi_value array);
  KeptArray(KeptArray&& other) noexcept { *this = std::move(other); }
  KeptArray& operator=(KeptArray&& other) noexcept {
    std::swap(env_, other.env_);
    std::swap(reference_, other.reference_);
    std::swap(memory_, other.memory_);
    std::swap(elements_, other.elements_);
    return *this;
  }
  KeptArray(const KeptArray&) = delete;
  KeptArray& operator=(const KeptArray&) = delete;
  ~KeptArray();

  // False when there is none. Valid until JavaScript runs again.
  bool Get(std::span<T>* elements) const {
    if (memory_ == nullptr) return Ask(elements);
    *elements = elements_;
    return true;
  }

 private:
  bool Ask(std::span<T>* elements) const;

  napi_env env_ = nullptr;
  napi_ref reference_ = nullptr;
  LastingMemory memory_;
  std::span<T> elements_;
};

// A Uint8Array and an Int32Array that a script registered.
class Arena {
 public:
  Arena() = default;
  Arena(napi_env env, napi_value bytes, napi_value index)
      : bytes_(env, bytes), index_(env, index) {}

  bool Get(std::span<std::byte>* bytes, std::span<int32_t>* index) const {
    return bytes_.Get(bytes) && index_.Get(index);
  }

 private:
  KeptArray<std::byte> bytes_;
  KeptArray<int32_t> index_;
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
  // What the last drain found, to guess what the next one will.
  bool was_empty = true;
  // Signals to the guest that JavaScript is to deliver; null where the channel does it itself.
  std::shared_ptr<uint32_t> signals;

 private:
  std::shared_ptr<os::Channel> channel_;
  const void* owner_;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_CHANNEL_ENTRY_H_
