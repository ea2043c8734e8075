// SPDX-License-Identifier: MIT
//
// What the guests of one simulated node have shown of their memory, found by guest physical
// address. Frames are made up: every 2 MiB stands alone, in descending order, so that whoever takes
// pages for consecutive that are not is found out.
// Called by: node_server. Calls: mapping. Source: memory_share.h.

#ifndef VMBUS_OS_SHOWN_MEMORY_H_
#define VMBUS_OS_SHOWN_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "link_state.h"
#include "mapping.h"
#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

class ShownMemory {
 public:
  // The first frame of each 2 MiB. EINVAL: not sealed memory of this size. EDQUOT: this guest has
  // shown too much.
  Result<std::vector<uint64_t>> Add(int connection, UniqueFd file, uint64_t bytes);
  // Forgets what came over a connection.
  void Drop(int connection);
  void Clear();

  // Copies; false when a byte of it was not shown.
  [[nodiscard]] bool Read(uint64_t address, std::span<std::byte> target) const;
  [[nodiscard]] bool Write(uint64_t address, std::span<const std::byte> source);

 private:
  struct Piece {
    int connection;
    Mapping memory;
    std::vector<uint64_t> blocks;
  };
  bool Holds(uint64_t address, uint64_t length) const;
  void Forget(std::list<Piece>::iterator piece);

  std::shared_ptr<LinkState> link_ = std::make_shared<LinkState>();
  std::list<Piece> pieces_;
  std::map<uint64_t, std::byte*> blocks_;  // by address / 2 MiB
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_SHOWN_MEMORY_H_
