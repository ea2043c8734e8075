// SPDX-License-Identifier: MIT
//
// Memory under an ArrayBuffer that stays where it is as long as anybody holds it, also when the
// script detaches the buffer: what copies into it for every batch asks for its address once.
// Used by: channel_entry, channel_functions.

#ifndef VMBUS_BINDING_LASTING_MEMORY_H_
#define VMBUS_BINDING_LASTING_MEMORY_H_

#include <napi.h>

#include <cstddef>
#include <memory>

namespace vmbus::binding {

using LastingMemory = std::shared_ptr<std::byte[]>;

// newMemory(bytes): an ArrayBuffer of zeros.
Napi::Value NewMemory(const Napi::CallbackInfo& info);

// What a typed array lies in; null where its buffer is none of NewMemory's.
LastingMemory MemoryUnder(napi_env env, napi_value typed_array);

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_LASTING_MEMORY_H_
