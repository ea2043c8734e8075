// SPDX-License-Identifier: MIT
//
// Arenas; see channel_entry.h.

#include "channel_entry.h"

namespace vmbus::binding {

namespace {

// Length and address of a typed array as they are now; a detached one has length 0.
template <class T>
bool Elements(napi_env env, napi_value array, std::span<T>* out) {
  size_t length = 0;
  void* data = nullptr;
  const napi_status status =
      napi_get_typedarray_info(env, array, nullptr, &length, &data, nullptr, nullptr);
  if (status != napi_ok) return false;
  // SAFETY: the registration checked the element type.
  *out = std::span<T>(static_cast<T*>(data), data == nullptr ? 0 : length);
  return true;
}

}  // namespace

template <class T>
KeptArray<T>::KeptArray(napi_env env, napi_value array) : env_(env) {
  if (napi_create_reference(env, array, 1, &reference_) != napi_ok) reference_ = nullptr;
  memory_ = MemoryUnder(env, array);
  if (memory_ != nullptr && !Elements(env, array, &elements_)) memory_ = nullptr;
}

template <class T>
KeptArray<T>::~KeptArray() {
  if (reference_ != nullptr) napi_delete_reference(env_, reference_);
}

template <class T>
bool KeptArray<T>::Ask(std::span<T>* elements) const {
  napi_value array = nullptr;
  if (reference_ == nullptr) return false;
  if (napi_get_reference_value(env_, reference_, &array) != napi_ok || array == nullptr)
    return false;
  return Elements(env_, array, elements);
}

template class KeptArray<std::byte>;
template class KeptArray<int32_t>;

}  // namespace vmbus::binding
