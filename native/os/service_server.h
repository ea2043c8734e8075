// SPDX-License-Identifier: MIT
//
// The simulated kernel's end of a service device: one opener at a time, whole messages. A second
// one gets a message of 4 bytes, the errno EBUSY, and the end of the stream. Called by:
// native/binding served_service_entry. Counterpart: service_device.

#ifndef VMBUS_OS_SERVICE_SERVER_H_
#define VMBUS_OS_SERVICE_SERVER_H_

#include <cstddef>
#include <span>
#include <string>

#include "listening_node.h"
#include "service_device.h"
#include "unique_fd.h"

namespace vmbus::os {

class ServiceServer {
 public:
  // The path must be free.
  static Result<ServiceServer> Listen(const std::string& path);

  int listening_fd() const { return listener_.fd(); }
  // -1 while nobody has it open.
  int opener_fd() const { return opener_.get(); }

  // Takes one waiting connection: 0 if it is the opener now, EBUSY if it was sent away, or what
  // ListeningNode::Accept answers.
  int Accept();
  ServiceMessage Read(std::span<std::byte> buffer) { return ReadService(opener_.get(), buffer); }
  // 0 or an errno; ENOTCONN while nobody has it open.
  int Send(std::span<const std::byte> message);
  // Not before nobody watches the opener any more.
  void DropOpener() { opener_.Close(); }
  void Close();

 private:
  ListeningNode listener_;
  UniqueFd opener_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_SERVICE_SERVER_H_
