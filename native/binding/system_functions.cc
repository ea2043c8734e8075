// SPDX-License-Identifier: MIT
//
// The rest of the system: uevents, sysfs attributes, CPUID, the names of violations.
// Called by: lib/bus and lib/insight through lib/native/binding.ts. Calls: uevent_entry,
// os/attribute_write, os/cpuid.

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "../core/violation.h"
#include "../os/attribute_write.h"
#include "../os/cpuid.h"
#include "../os/uevent_socket.h"
#include "arguments.h"
#include "blocking_work.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"
#include "uevent_entry.h"

namespace vmbus::binding {

namespace {

Napi::Value OpenUevents(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  auto on_message = arguments.Function(0, "onMessage");
  if (!on_message) return {};
  EnvState& state = arguments.state();
  auto fd = os::OpenUevents();
  if (!fd.ok()) return arguments.Number(-fd.error());
  auto entry = std::make_shared<UeventEntry>(state, fd.Take(), std::move(*on_message));
  return arguments.Number(Enter(entry, state.uevents));
}

void CloseUevents(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const std::shared_ptr<UeventEntry> entry = arguments.state().uevents.Remove(*handle);
  if (entry != nullptr) entry->Close();
}

class AttributeWork final : public BlockingWork {
 public:
  AttributeWork(std::string path, std::string text, int64_t done)
      : path_(std::move(path)), text_(std::move(text)), done_(done) {}
  void Work() override { error_ = os::WriteAttribute(path_, text_); }
  void Refuse(int error) override { error_ = error; }
  void Finish(EnvState& state) override {
    state.TakePending(done_).Call(state, {static_cast<double>(error_)});
  }

 private:
  std::string path_;
  std::string text_;
  int64_t done_;
  int error_ = 0;
};

void WriteAttribute(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  auto path = arguments.Text(0, "path");
  if (!path) return;
  auto text = arguments.Text(1, "text");
  if (!text) return;
  auto done = arguments.Function(2, "done");
  if (!done) return;
  EnvState& state = arguments.state();
  const int64_t number = state.KeepPending(std::move(*done));
  StartWork(state, std::make_unique<AttributeWork>(std::move(*path), std::move(*text), number),
            Duty::kNone);
}

Napi::Value Cpuid(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto leaf = arguments.Integer(0, "leaf", 0, UINT32_MAX);
  if (!leaf) return {};
  const auto subleaf = arguments.Integer(1, "subleaf", 0, UINT32_MAX);
  if (!subleaf) return {};
  const Napi::Env env = info.Env();
  if (!arguments.IsArray(2, napi_uint32_array, 4)) {
    Napi::TypeError::New(env, "out must be a Uint32Array of 4").ThrowAsJavaScriptException();
    return {};
  }
  const auto registers = os::Cpuid(static_cast<uint32_t>(*leaf), static_cast<uint32_t>(*subleaf));
  if (!registers) return Napi::Boolean::New(env, false);
  auto out = info[2].As<Napi::Uint32Array>();
  for (size_t i = 0; i < registers->size(); ++i) out[i] = (*registers)[i];
  return Napi::Boolean::New(env, true);
}

Napi::Value ViolationName(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto number = arguments.Integer(0, "violation", INT32_MIN, INT32_MAX);
  if (!number) return {};
  return Napi::String::New(info.Env(), core::ViolationName(static_cast<core::Violation>(*number)));
}

}  // namespace

void AddSystemFunctions(Exports& exports) {
  exports.Add<OpenUevents>("openUevents");
  exports.Add<CloseUevents>("closeUevents");
  exports.Add<WriteAttribute>("writeAttribute");
  exports.Add<Cpuid>("cpuid");
  exports.Add<ViolationName>("violationName");
}

}  // namespace vmbus::binding
