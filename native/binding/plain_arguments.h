// SPDX-License-Identifier: MIT
//
// Arguments and answers of the functions that are called for every packet or batch: plain Node-API,
// because a wrapper object for each argument shows there. All others use arguments.h.
// Used by: channel_functions, frame_functions.

#ifndef VMBUS_BINDING_PLAIN_ARGUMENTS_H_
#define VMBUS_BINDING_PLAIN_ARGUMENTS_H_

#include <node_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace vmbus::binding {

class EnvState;

inline napi_value Number(napi_env env, int32_t number) {
  napi_value value = nullptr;
  static_cast<void>(napi_create_int32(env, number, &value));
  return value;
}

// At most `count` arguments, how many there were, and the environment.
inline bool ReadArguments(napi_env env, napi_callback_info info, napi_value* arguments,
                          size_t* count, EnvState** state) {
  void* data = nullptr;
  const napi_status status = napi_get_cb_info(env, info, count, arguments, nullptr, &data);
  *state = static_cast<EnvState*>(data);
  return status == napi_ok;
}

// False: it is no number, and an exception is pending.
inline bool ReadNumber(napi_env env, napi_value argument, int32_t* number) {
  if (napi_get_value_int32(env, argument, number) == napi_ok) [[likely]]
    return true;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "the arguments must be numbers");
  return false;
}

// All arguments, the first ones as int32 as well, and the environment. False: one of these is no
// number, and an exception is pending.
template <size_t kCount, size_t kNumbers>
bool ReadNumbers(napi_env env, napi_callback_info info, std::array<napi_value, kCount>* arguments,
                 std::array<int32_t, kNumbers>* numbers, EnvState** state) {
  static_assert(kNumbers <= kCount);
  size_t count = kCount;
  if (!ReadArguments(env, info, arguments->data(), &count, state)) return false;
  for (size_t i = 0; i < kNumbers; ++i) {
    if (!ReadNumber(env, (*arguments)[i], &(*numbers)[i])) return false;
  }
  return true;
}

// The elements of a Uint8Array (std::byte) or an Int32Array (int32_t), valid until JavaScript runs
// again; none of a detached one. False: it is no such array.
template <class T>
bool ReadElements(napi_env env, napi_value value, std::span<T>* out) {
  static_assert(std::is_same_v<T, std::byte> || std::is_same_v<T, int32_t>);
  constexpr auto expected = std::is_same_v<T, std::byte> ? napi_uint8_array : napi_int32_array;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  const napi_status status =
      napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr);
  if (status != napi_ok || type != expected) return false;
  // SAFETY: the type was just asked for; a detached array has no data.
  *out = std::span<T>(static_cast<T*>(data), data == nullptr ? 0 : length);
  return true;
}

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_PLAIN_ARGUMENTS_H_
