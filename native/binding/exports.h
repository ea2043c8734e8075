// SPDX-License-Identifier: MIT
//
// The addon's object, and how functions get into it: each has the environment's state as its data.
// Used by: addon.cc and every *_functions.cc.

#ifndef VMBUS_BINDING_EXPORTS_H_
#define VMBUS_BINDING_EXPORTS_H_

#include <napi.h>

namespace vmbus::binding {

class EnvState;

class Exports {
 public:
  Exports(Napi::Object object, EnvState* state) : object_(object), state_(state) {}

  // A function that gets `const Napi::CallbackInfo&`.
  template <auto kFunction>
  void Add(const char* name) {
    object_.Set(name, Napi::Function::New<kFunction>(object_.Env(), name, state_));
  }

  // A function that is called for every packet or batch; see plain_arguments.h.
  void AddPlain(const char* name, napi_callback function) {
    napi_value made = nullptr;
    const napi_status status =
        napi_create_function(object_.Env(), name, NAPI_AUTO_LENGTH, function, state_, &made);
    if (status == napi_ok) object_.Set(name, made);
  }

 private:
  Napi::Object object_;
  EnvState* state_;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_EXPORTS_H_
