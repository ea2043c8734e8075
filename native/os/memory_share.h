// SPDX-License-Identifier: MIT
//
// How a guest shows a simulated host its memory: one message on the node's socket that carries the
// memory and a socket for the answer, so that the answer cannot be taken for a wake. The host says
// which frames it takes the memory for. A protocol of ours.
//
//   guest to host, on the node: MemoryOffer, with SCM_RIGHTS: the memory, sealed against shrinking,
//   a multiple of 2 MiB; the end of a seqpacket pair for the answer.
//   host to guest, on that pair: MemoryAnswer, then a u64 for each 2 MiB: the first frame of 4096
//   bytes; what follows in the 2 MiB is consecutive.
//
// The host forgets the memory with the connection. Called by: native/binding dma_functions (the
// guest's end); node_server (the host's end). Calls:
// dma_memory, descriptor_message.

#ifndef VMBUS_OS_MEMORY_SHARE_H_
#define VMBUS_OS_MEMORY_SHARE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dma_memory.h"
#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

inline constexpr uint32_t kMemoryMagic = 0x4d424d56;  // "VMBM"
inline constexpr uint32_t kMemoryVersion = 1;
inline constexpr size_t kMemoryOfferFds = 2;
inline constexpr size_t kMostMemoryBlocks = kMostDmaBytes / kHugePageBytes;

struct MemoryOffer {
  uint32_t magic;
  uint32_t version;
  uint64_t bytes;
};
static_assert(sizeof(MemoryOffer) == 16);

struct MemoryAnswer {
  uint32_t magic;
  int32_t error;  // an errno; then no blocks follow
};
static_assert(sizeof(MemoryAnswer) == 8);

// Guest: sends the offer, without waiting; the answer comes on the socket that this answers.
Result<UniqueFd> OfferMemory(int node, const DmaMemory& memory);
// Guest: blocks for the answer: the frames of memory of this size, for DmaMemory::SetFrames.
Result<std::vector<uint64_t>> AwaitFrames(int answer, int timeout_ms, size_t bytes);

// Host: answers an offer; who does not listen has left.
void AnswerOffer(int answer, int error, std::span<const uint64_t> blocks);

}  // namespace vmbus::os

#endif  // VMBUS_OS_MEMORY_SHARE_H_
