// SPDX-License-Identifier: MIT
//
// Arenas; see channel_entry.h.

#include "channel_entry.h"

namespace vmbus::binding {

namespace {

// Length and address of a typed array as they are now; a detached one has length 0.
template <class T>
bool Elements(napi_env env, napi_ref reference, std::span<T>* out) {
  napi_value array = nullptr;
  if (napi_get_reference_value(env, reference, &array) != napi_ok || array == nullptr) return false;
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

Arena::Arena(napi_env env, napi_value bytes, napi_value index) : env_(env) {
  if (napi_create_reference(env, bytes, 1, &bytes_) != napi_ok) bytes_ = nullptr;
  if (napi_create_reference(env, index, 1, &index_) != napi_ok) index_ = nullptr;
}

Arena::~Arena() {
  if (bytes_ != nullptr) napi_delete_reference(env_, bytes_);
  if (index_ != nullptr) napi_delete_reference(env_, index_);
}

bool Arena::Get(std::span<std::byte>* bytes, std::span<int32_t>* index) const {
  if (bytes_ == nullptr || index_ == nullptr) return false;
  return Elements(env_, bytes_, bytes) && Elements(env_, index_, index);
}

}  // namespace vmbus::binding
