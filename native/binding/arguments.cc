// SPDX-License-Identifier: MIT
//
// Arguments; see arguments.h.

#include "arguments.h"

#include <cmath>

namespace vmbus::binding {

std::nullopt_t Arguments::Refuse(const char* name, const char* expected) const {
  const Napi::Env env = info_.Env();
  // A getter that threw is what the caller should see.
  if (!env.IsExceptionPending()) {
    Napi::TypeError::New(env, std::string(name) + " must be " + expected)
        .ThrowAsJavaScriptException();
  }
  return std::nullopt;
}

std::optional<int64_t> Arguments::ToInteger(const Napi::Value& value, const char* name,
                                            int64_t least, int64_t most) const {
  if (value.IsEmpty() || !value.IsNumber()) return Refuse(name, "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  const bool fits = number >= static_cast<double>(least) && number <= static_cast<double>(most);
  if (!fits || std::trunc(number) != number) return Refuse(name, "an integer in range");
  return static_cast<int64_t>(number);
}

std::optional<std::string> Arguments::ToText(const Napi::Value& value, const char* name) const {
  if (value.IsEmpty() || !value.IsString()) return Refuse(name, "a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) return Refuse(name, "a string without zero bytes");
  return text;
}

std::optional<int64_t> Arguments::Integer(size_t index, const char* name, int64_t least,
                                          int64_t most) const {
  return ToInteger(info_[index], name, least, most);
}

std::optional<int32_t> Arguments::Handle(size_t index) const {
  if (!info_[index].IsNumber()) return Refuse("handle", "a number");
  const double number = info_[index].As<Napi::Number>().DoubleValue();
  const bool fits = number >= 1 && number <= INT32_MAX && std::trunc(number) == number;
  return fits ? static_cast<int32_t>(number) : 0;
}

std::optional<bool> Arguments::Boolean(size_t index, const char* name) const {
  if (!info_[index].IsBoolean()) return Refuse(name, "a boolean");
  return info_[index].As<Napi::Boolean>().Value();
}

std::optional<std::string> Arguments::Text(size_t index, const char* name) const {
  return ToText(info_[index], name);
}

std::optional<JsCallback> Arguments::Function(size_t index, const char* name) const {
  if (!info_[index].IsFunction()) return Refuse(name, "a function");
  return JsCallback(info_.Env(), info_[index]);
}

bool Arguments::IsArray(size_t index, napi_typedarray_type type, size_t least) const {
  const Napi::Value value = info_[index];
  if (!value.IsTypedArray()) return false;
  const auto array = value.As<Napi::TypedArray>();
  return array.TypedArrayType() == type && array.ElementLength() >= least;
}

std::optional<std::span<std::byte>> Arguments::Bytes(size_t index, const char* name) const {
  if (!IsArray(index, napi_uint8_array, 0)) return Refuse(name, "a Uint8Array");
  auto array = info_[index].As<Napi::Uint8Array>();
  return std::as_writable_bytes(std::span(array.Data(), array.ElementLength()));
}

std::optional<std::span<double>> Arguments::Doubles(size_t index, const char* name,
                                                    size_t least) const {
  if (!IsArray(index, napi_float64_array, least))
    return Refuse(name, "a Float64Array that is long enough");
  auto array = info_[index].As<Napi::Float64Array>();
  return std::span(array.Data(), array.ElementLength());
}

std::optional<Napi::Object> Arguments::Object(size_t index, const char* name) const {
  return Object(info_[index], name);
}

std::optional<Napi::Object> Arguments::Object(const Napi::Value& value, const char* name) const {
  if (value.IsEmpty() || !value.IsObject()) return Refuse(name, "an object");
  return value.As<Napi::Object>();
}

std::optional<int64_t> Arguments::Integer(Napi::Object object, const char* name, int64_t least,
                                          int64_t most) const {
  return ToInteger(object.Get(name), name, least, most);
}

std::optional<bool> Arguments::Boolean(Napi::Object object, const char* name) const {
  const Napi::Value value = object.Get(name);
  if (value.IsEmpty() || !value.IsBoolean()) return Refuse(name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::optional<std::string> Arguments::Text(Napi::Object object, const char* name) const {
  return ToText(object.Get(name), name);
}

std::optional<std::string> Arguments::TextOrNone(Napi::Object object, const char* name) const {
  const Napi::Value value = object.Get(name);
  if (!value.IsEmpty() && value.IsUndefined()) return std::string();
  return ToText(value, name);
}

}  // namespace vmbus::binding
