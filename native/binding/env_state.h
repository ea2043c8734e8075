// SPDX-License-Identifier: MIT
//
// Everything of one environment (the main thread or a worker): its loop, its handles, its way down.
// Made by addon.cc when the addon is loaded; every function gets it as its data pointer. There is
// no other mutable state in native/binding. An asynchronous cleanup hook closes watches first, then
// leases off the loop, and frees this when the last libuv handle is closed: a worker may be
// terminated at any moment, and its thread must not go before that.

#ifndef VMBUS_BINDING_ENV_STATE_H_
#define VMBUS_BINDING_ENV_STATE_H_

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "handle_table.h"
#include "js_call.h"
#include "loop_post.h"

namespace vmbus::os {

class Channel;
class DmaMemory;
class GuestMemory;

}  // namespace vmbus::os

namespace vmbus::binding {

class ChannelEntry;
class FrameEntry;
class LeaseEntry;
class NodeEntry;
class ServedServiceEntry;
class ServiceEntry;
class TapEntry;
class UeventEntry;

class EnvState {
 public:
  // Null when the environment refuses; then nothing was made.
  static EnvState* Create(napi_env env);
  EnvState(const EnvState&) = delete;
  EnvState& operator=(const EnvState&) = delete;

  napi_env env() const { return env_; }
  uv_loop_t* loop() const { return loop_; }
  const std::shared_ptr<LoopPost>& post() const { return post_; }

  bool can_call_js() const { return can_call_js_; }
  void StopCallingJs() { can_call_js_ = false; }
  bool is_cleaning_up() const { return cleaning_up_; }

  // Every libuv handle of this environment is announced, and counted until its close callback.
  void OnHandleOpened() { ++open_handles_; }
  void OnHandleClosed();

  // Work on other threads that the environment may not leave behind.
  void OnDutyStarted() { ++duties_; }
  void OnDutyDone();

  // Callbacks of calls under way, by number; native threads never hold references.
  int64_t KeepPending(JsCallback callback);
  JsCallback TakePending(int64_t number);

  // A handle of this channel on a lease, node or guest memory, or minus an errno.
  int32_t AddChannel(std::shared_ptr<os::Channel> channel, const void* owner);
  // Forgets every channel handle on this lease, node or guest memory.
  void DropChannelsOf(const void* owner);

  HandleTable<ChannelEntry> channels;
  HandleTable<LeaseEntry> leases;
  HandleTable<NodeEntry> nodes;
  HandleTable<UeventEntry> uevents;
  HandleTable<ServiceEntry> services;
  HandleTable<ServedServiceEntry> served_services;
  HandleTable<TapEntry> taps;
  HandleTable<os::GuestMemory> memories;
  HandleTable<FrameEntry> frames;
  HandleTable<os::DmaMemory> dma;

 private:
  EnvState(napi_env env, uv_loop_t* loop) : env_(env), loop_(loop) {}
  ~EnvState();
  void CleanUp();
  void StopWhenDone();

  napi_env env_;
  uv_loop_t* loop_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::shared_ptr<LoopPost> post_;
  bool can_call_js_ = true;
  bool cleaning_up_ = false;
  bool stopped_ = false;
  int open_handles_ = 0;
  int duties_ = 0;
  int64_t next_pending_ = 1;
  std::map<int64_t, JsCallback> pending_;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_ENV_STATE_H_
