// SPDX-License-Identifier: MIT
//
// See lasting_memory.h.

#include "lasting_memory.h"

#include <cstdint>
#include <cstdlib>

#include "arguments.h"

namespace vmbus::binding {

namespace {

constexpr int64_t kLargest = int64_t{1} << 30;

// Marks our buffers: a wrap alone could be another addon's.
constexpr napi_type_tag kTag{0x9f0b6f2c51d84e07, 0xa3c17e5d2b6f4890};

// The buffer's memory holds one of these, its object another: a buffer that was transferred lives
// on without the object, and the object without the memory.
using Holder = LastingMemory;

void Release(napi_env, void* holder, void*) { delete static_cast<Holder*>(holder); }
void ReleaseMemory(napi_env env, void*, void* holder) { Release(env, holder, nullptr); }

// At the start of a line of the cache: a copy into it in wide pieces crosses no lines then.
LastingMemory Zeros(size_t bytes) {
  constexpr uintptr_t kLine = 64;
  const std::shared_ptr<std::byte> whole(static_cast<std::byte*>(std::calloc(bytes + kLine - 1, 1)),
                                         std::free);
  const uintptr_t before = -reinterpret_cast<uintptr_t>(whole.get()) % kLine;
  return whole == nullptr ? nullptr : LastingMemory(whole, whole.get() + before);
}

}  // namespace

Napi::Value NewMemory(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto bytes = arguments.Integer(0, "bytes", 1, kLargest);
  if (!bytes) return {};
  const Napi::Env env = info.Env();
  const LastingMemory memory = Zeros(static_cast<size_t>(*bytes));
  if (memory == nullptr) {
    Napi::RangeError::New(env, "no memory for the arena").ThrowAsJavaScriptException();
    return {};
  }
  auto under_buffer = std::make_unique<Holder>(memory);
  auto on_object = std::make_unique<Holder>(memory);
  napi_value buffer = nullptr;
  if (napi_create_external_arraybuffer(env, memory.get(), static_cast<size_t>(*bytes),
                                       ReleaseMemory, under_buffer.get(), &buffer) != napi_ok) {
    Napi::Error::New(env, "no ArrayBuffer on our memory").ThrowAsJavaScriptException();
    return {};
  }
  static_cast<void>(under_buffer.release());
  if (napi_type_tag_object(env, buffer, &kTag) == napi_ok &&
      napi_wrap(env, buffer, on_object.get(), Release, nullptr, nullptr) == napi_ok) {
    static_cast<void>(on_object.release());
  }
  return {env, buffer};
}

LastingMemory MemoryUnder(napi_env env, napi_value typed_array) {
  napi_value buffer = nullptr;
  bool is_ours = false;
  void* holder = nullptr;
  const bool found = napi_get_typedarray_info(env, typed_array, nullptr, nullptr, nullptr, &buffer,
                                              nullptr) == napi_ok &&
                     napi_check_object_type_tag(env, buffer, &kTag, &is_ours) == napi_ok &&
                     is_ours && napi_unwrap(env, buffer, &holder) == napi_ok;
  return found ? *static_cast<Holder*>(holder) : nullptr;
}

}  // namespace vmbus::binding
