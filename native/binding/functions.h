// SPDX-License-Identifier: MIT
//
// The addon's functions, by the part of the surface they serve. Each registers what
// lib/native/binding.ts names. Called by: addon.cc.

#ifndef VMBUS_BINDING_FUNCTIONS_H_
#define VMBUS_BINDING_FUNCTIONS_H_

#include <napi.h>

namespace vmbus::binding {

class EnvState;

void AddLeaseFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddChannelFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddServeFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddFrameFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddGuestMemoryFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddClockFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddDmaFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddFaultFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddFileLockFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddInboxFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddServiceFunctions(Napi::Env env, Napi::Object exports, EnvState* state);
void AddSystemFunctions(Napi::Env env, Napi::Object exports, EnvState* state);

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_FUNCTIONS_H_
