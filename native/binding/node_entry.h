// SPDX-License-Identifier: MIT
//
// A served node of one environment: watches the socket and the connections, polls the monitor page,
// tells the script. Called by: serve_functions. Calls: os/node_server.

#ifndef VMBUS_BINDING_NODE_ENTRY_H_
#define VMBUS_BINDING_NODE_ENTRY_H_

#include <cstdint>
#include <map>
#include <memory>

#include "../os/node_server.h"
#include "js_call.h"
#include "listen_watch.h"
#include "poll_watch.h"

namespace vmbus::binding {

class EnvState;

// NodeEvent of lib/native/binding.ts.
enum class NodeEvent : int32_t { kOpened = 0, kClosed = 1, kDoorbell = 2 };

class NodeEntry : public std::enable_shared_from_this<NodeEntry> {
 public:
  NodeEntry(EnvState& state, std::unique_ptr<os::NodeServer> server, JsCallback on_event);
  NodeEntry(const NodeEntry&) = delete;
  NodeEntry& operator=(const NodeEntry&) = delete;
  ~NodeEntry();

  // 0 or an errno.
  [[nodiscard]] int Watch();
  os::NodeServer& server() { return *server_; }
  void Keep(bool keep);
  // Ends it: no event follows. Also drops the channel handles of its host ends.
  void Close();

 private:
  void OnConnect();
  void OnOpened();
  void HearOut();
  // Whether more may wait.
  bool OnMessage(int connection);
  void OnGone(int connection);
  void OnTick();
  void Tell(NodeEvent event, int32_t value);

  EnvState& state_;
  std::unique_ptr<os::NodeServer> server_;
  JsCallback on_event_;
  bool closed_ = false;
  bool kept_ = true;
  ListenWatch listener_;
  TimerWatch monitor_;
  std::map<int, PollWatch> connections_;
};

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_NODE_ENTRY_H_
