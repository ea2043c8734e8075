// SPDX-License-Identifier: MIT
//
// Arguments of the functions that are not called per packet: checked, or a TypeError is pending and
// the answer is nothing. Used by: lease_functions, channel_functions, serve_functions,
// fault_functions, system_functions.

#ifndef VMBUS_BINDING_ARGUMENTS_H_
#define VMBUS_BINDING_ARGUMENTS_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "js_call.h"

namespace vmbus::binding {

class EnvState;

class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  EnvState& state() const { return *static_cast<EnvState*>(info_.Data()); }

  // An integer within the bounds, both included.
  std::optional<int64_t> Integer(size_t index, const char* name, int64_t least, int64_t most) const;
  // Any handle: a number that is none finds nothing.
  std::optional<int32_t> Handle(size_t index) const;
  std::optional<bool> Boolean(size_t index, const char* name) const;
  // Without a zero byte, which would cut a path short.
  std::optional<std::string> Text(size_t index, const char* name) const;
  std::optional<JsCallback> Function(size_t index, const char* name) const;
  std::optional<std::span<std::byte>> Bytes(size_t index, const char* name) const;
  // Whether it is a typed array of this type and at least so many elements. No exception.
  bool IsArray(size_t index, napi_typedarray_type type, size_t least) const;
  // A Float64Array of at least so many elements.
  std::optional<std::span<double>> Doubles(size_t index, const char* name, size_t least) const;
  std::optional<Napi::Object> Object(size_t index, const char* name) const;
  std::optional<Napi::Object> Object(const Napi::Value& value, const char* name) const;

  // The same for a property of an object.
  std::optional<int64_t> Integer(Napi::Object object, const char* name, int64_t least,
                                 int64_t most) const;
  std::optional<bool> Boolean(Napi::Object object, const char* name) const;
  std::optional<std::string> Text(Napi::Object object, const char* name) const;
  // Empty where there is none.
  std::optional<std::string> TextOrNone(Napi::Object object, const char* name) const;

  Napi::Value Number(double number) const { return Napi::Number::New(info_.Env(), number); }

 private:
  std::nullopt_t Refuse(const char* name, const char* expected) const;
  std::optional<int64_t> ToInteger(const Napi::Value& value, const char* name, int64_t least,
                                   int64_t most) const;
  std::optional<std::string> ToText(const Napi::Value& value, const char* name) const;

  const Napi::CallbackInfo& info_;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_ARGUMENTS_H_
