// SPDX-License-Identifier: MIT
//
// The addon's entry: once for each environment that loads it, the main thread or a worker.
// Called by: Node, when lib/native/load.ts loads the file.

#include <napi.h>
#include <uv.h>

#include <string>

#include "env_state.h"
#include "exports.h"
#include "functions.h"

namespace vmbus::binding {

namespace {

constexpr int kAbi = 2;  // `abi` in lib/native/binding.ts

std::string BuildInfo() {
  std::string text = "compiler " __VERSION__;
  text += ", Node-API " + std::to_string(NAPI_VERSION);
  text += ", libuv headers " + std::to_string(UV_VERSION_MAJOR) + "." +
          std::to_string(UV_VERSION_MINOR) + ", running " + uv_version_string();
#if defined(__OPTIMIZE__)
  text += ", optimised";
#endif
#if defined(__SANITIZE_ADDRESS__)
  text += ", address sanitizer";
#endif
#if defined(__SANITIZE_THREAD__)
  text += ", thread sanitizer";
#endif
#if defined(__aarch64__)
  text += ", arm64";
#elif defined(__x86_64__)
  text += ", x64";
#endif
  return text;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  // libuv promises its binary interface within a major version, Node-API promises nothing about it.
  if (uv_version() >> 16 != UV_VERSION_MAJOR) {
    Napi::Error::New(env, "this Node has another major version of libuv")
        .ThrowAsJavaScriptException();
    return exports;
  }
  EnvState* state = EnvState::Create(env);
  if (state == nullptr) {
    Napi::Error::New(env, "the environment has no event loop for the addon")
        .ThrowAsJavaScriptException();
    return exports;
  }
  exports.Set("abi", Napi::Number::New(env, kAbi));
  exports.Set("buildInfo", Napi::String::New(env, BuildInfo()));
  Exports functions(exports, state);
  AddLeaseFunctions(functions);
  AddChannelFunctions(functions);
  AddServeFunctions(functions);
  AddGuestMemoryFunctions(functions);
  AddClockFunctions(functions);
  AddDmaFunctions(functions);
  AddFaultFunctions(functions);
  AddFileLockFunctions(functions);
  AddFrameFunctions(functions);
  AddInboxFunctions(functions);
  AddServiceFunctions(functions);
  AddSystemFunctions(functions);
  AddTapFunctions(functions);
  return exports;
}

}  // namespace

NODE_API_MODULE(vmbus, Init)

}  // namespace vmbus::binding
