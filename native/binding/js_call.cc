// SPDX-License-Identifier: MIT
//
// Calls into JavaScript; see js_call.h.

#include "js_call.h"

#include <array>
#include <cstring>
#include <string>

#include "env_state.h"

namespace vmbus::binding {

namespace {

constexpr size_t kMaxArguments = 3;

// The environment runs no JavaScript any more. Up to version 9 Node-API says so with "pending
// exception" and has none.
bool IsGoingAway(napi_status status) {
  return status == napi_cannot_run_js || status == napi_closing || status == napi_pending_exception;
}

// An error for a call that could not be made, so that its loss does not go unseen.
napi_value LostCall(napi_env env, napi_status status) {
  const std::string text = "vmbus: a callback was not called (Node-API status " +
                           std::to_string(static_cast<int>(status)) + ")";
  napi_value message = nullptr;
  napi_value error = nullptr;
  if (napi_create_string_utf8(env, text.c_str(), text.size(), &message) != napi_ok) return nullptr;
  return napi_create_error(env, nullptr, message, &error) == napi_ok ? error : nullptr;
}

// What came of a call. A worker that is being terminated may answer with an exception that nobody
// may see; passing that one on just fails. One call that fails says nothing about the next one.
void Settle(EnvState& state, napi_status status) {
  if (status == napi_ok) return;
  const napi_env env = state.env();
  bool pending = false;
  napi_value exception = nullptr;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    static_cast<void>(napi_get_and_clear_last_exception(env, &exception));
  } else if (IsGoingAway(status)) {
    return state.StopCallingJs();
  } else {
    exception = LostCall(env, status);
  }
  if (exception != nullptr) static_cast<void>(napi_fatal_exception(env, exception));
}

napi_status CallFunction(napi_env env, napi_ref reference, size_t count,
                         const napi_value* arguments) {
  napi_value function = nullptr;
  napi_value global = nullptr;
  napi_status status = napi_get_reference_value(env, reference, &function);
  if (status == napi_ok) status = napi_get_global(env, &global);
  if (status != napi_ok) return status;
  // Runs microtasks and ticks afterwards. The async context is bound in TypeScript
  // (AsyncResource.bind): the one of Node-API is lost on Node 24.
  return napi_make_callback(env, nullptr, global, function, count, arguments, nullptr);
}

}  // namespace

JsCallback::JsCallback(napi_env env, napi_value function) : env_(env) {
  if (napi_create_reference(env, function, 1, &reference_) != napi_ok) reference_ = nullptr;
}

JsCallback::~JsCallback() {
  if (reference_ != nullptr) napi_delete_reference(env_, reference_);
}

void JsCallback::Call(EnvState& state, std::initializer_list<double> numbers) const {
  if (reference_ == nullptr || !state.can_call_js()) return;
  const napi_env env = state.env();
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  std::array<napi_value, kMaxArguments> arguments{};
  size_t count = 0;
  napi_status status = napi_ok;
  for (const double number : numbers) {
    if (status == napi_ok) status = napi_create_double(env, number, &arguments[count++]);
  }
  if (status == napi_ok) status = CallFunction(env, reference_, count, arguments.data());
  Settle(state, status);
  napi_close_handle_scope(env, scope);
}

void JsCallback::CallWithBytes(EnvState& state, std::span<const std::byte> bytes) const {
  if (reference_ == nullptr || !state.can_call_js()) return;
  const napi_env env = state.env();
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  void* copy = nullptr;
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  napi_status status = napi_create_arraybuffer(env, bytes.size(), &copy, &buffer);
  if (status == napi_ok) {
    if (!bytes.empty()) memcpy(copy, bytes.data(), bytes.size());
    status = napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &array);
  }
  if (status == napi_ok) status = CallFunction(env, reference_, 1, &array);
  Settle(state, status);
  napi_close_handle_scope(env, scope);
}

}  // namespace vmbus::binding
