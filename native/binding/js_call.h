// SPDX-License-Identifier: MIT
//
// The only way from the event loop into JavaScript.
// Called by: lease_entry, node_entry, system_functions, blocking_work. An exception of the callback
// becomes an uncaughtException; once the environment says that it runs no JavaScript any more,
// nothing is called after that.

#ifndef VMBUS_BINDING_JS_CALL_H_
#define VMBUS_BINDING_JS_CALL_H_

#include <napi.h>

#include <cstddef>
#include <initializer_list>
#include <span>
#include <utility>

namespace vmbus::binding {

class EnvState;

// A function of the script, held until this goes. Lives and dies on the environment's thread.
class JsCallback {
 public:
  JsCallback() = default;
  JsCallback(napi_env env, napi_value function);
  JsCallback(JsCallback&& other) noexcept
      : env_(other.env_), reference_(std::exchange(other.reference_, nullptr)) {}
  JsCallback& operator=(JsCallback&& other) noexcept {
    std::swap(env_, other.env_);
    std::swap(reference_, other.reference_);
    return *this;
  }
  JsCallback(const JsCallback&) = delete;
  JsCallback& operator=(const JsCallback&) = delete;
  ~JsCallback();

  // With numbers. The callback may destroy this object and its owner: touch neither afterwards
  // without looking.
  void Call(EnvState& state, std::initializer_list<double> numbers) const;
  // With one Uint8Array, a copy of the bytes.
  void CallWithBytes(EnvState& state, std::span<const std::byte> bytes) const;

 private:
  napi_env env_ = nullptr;
  napi_ref reference_ = nullptr;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_JS_CALL_H_
