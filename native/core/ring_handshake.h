// SPDX-License-Identifier: MIT
//
// The four handshakes between the two ends of a ring: publish packets, publish free space, sleep
// until packets come, sleep until space comes. Each is a fixed order of loads, stores and fences;
// nothing else in it.
// Called by: ring_reader, ring_writer with ControlWords; the memory model test with a model of
// weakly ordered memory.
// Values come back as they were read: the caller validates before it uses them.
// Source: Linux drivers/hv/ring_buffer.c (hv_signal_on_write, hv_pkt_iter_close, hv_begin_read,
// hv_end_read).

#ifndef VMBUS_CORE_RING_HANDSHAKE_H_
#define VMBUS_CORE_RING_HANDSHAKE_H_

#include <cstdint>

#include "ring_control_unsafe.h"
#include "ring_layout.h"

namespace vmbus::core {

// Writer: makes everything up to `next` visible. True when the peer must be told: it sleeps (mask
// 0) and had taken everything before this batch (read index = `previous`, the published index
// before it).
template <class Control>
bool PublishWrites(const Control& control, uint32_t previous, uint32_t next) {
  // Without release the peer could see the index before the bytes.
  control.template Store<Edge::kDataThenWriteIndex>(Word::kWriteIndex, next);
  // Without the fence we could see the mask of before its sleep while it sees the index of before
  // this store.
  control.template Fence<Edge::kWriteIndexThenMask>();
  // Without acquire the read index could be older than the mask: a doorbell for packets already
  // taken.
  const uint32_t mask = control.template Load<Edge::kMaskThenReadIndex>(Word::kInterruptMask);
  if (mask != 0) return false;
  return control.template Load<Edge::kUnordered>(Word::kReadIndex) == previous;
}

// What the reader must know to decide whether a blocked writer wants to be told of free space.
struct BlockedWriter {
  bool waits;            // false: nothing below was read
  uint32_t wanted;       // pending_send_sz
  uint32_t write_index;  // not validated
};

// Reader: gives everything up to `next` back, then looks whether the writer waits for space.
template <class Control>
BlockedWriter PublishReads(const Control& control, uint32_t next) {
  // Without release the writer could overwrite bytes that are still being copied.
  control.template Store<Edge::kDataThenReadIndex>(Word::kReadIndex, next);
  const uint32_t features = control.template Load<Edge::kUnordered>(Word::kFeatureBits);
  if ((features & kFeaturePendingSendSize) == 0) return {};
  // Without the fence we could miss its wish while it misses this space: it would sleep for ever.
  control.template Fence<Edge::kReadIndexThenPending>();
  // Without acquire the write index could be older than the wish: we would count space that is
  // taken.
  const uint32_t wanted =
      control.template Load<Edge::kPendingThenWriteIndex>(Word::kPendingSendSize);
  if (wanted == 0) return {};
  return {true, wanted, control.template Load<Edge::kUnordered>(Word::kWriteIndex)};
}

// The rule of the reader: tell the writer only when this batch carried the free space over the
// wanted size. A packet of `wanted` bytes needs strictly more. A writer that took more than this
// batch freed was not blocked: then the difference wraps around and is larger than any free space.
constexpr bool CrossesWanted(uint32_t free_now, uint32_t freed, uint32_t wanted) {
  return free_now - freed <= wanted && free_now > wanted;
}

// Reader: asks for a wake and returns the write index of after that. An index other than the
// reader's own means that packets came meanwhile, perhaps without a wake.
template <class Control>
uint32_t Unmask(const Control& control) {
  // Without release the writer could see the mask open with a read index of before, and ring for
  // nothing.
  control.template Store<Edge::kReadIndexThenUnmask>(Word::kInterruptMask, 0);
  // Without the fence the look at the index could be older than the mask: a lost wake.
  control.template Fence<Edge::kUnmaskThenWriteIndex>();
  return control.template Load<Edge::kWriteIndexThenData>(Word::kWriteIndex);
}

// Reader: no wakes while draining. Unordered, because seen late it costs a wake too many and never
// one too few.
template <class Control>
void MaskWakes(const Control& control) {
  control.template Store<Edge::kUnordered>(Word::kInterruptMask, 1);
}

// Writer: asks for a wake when more than `wanted` bytes are free, and returns the read index of
// after that.
template <class Control>
uint32_t AskForSpace(const Control& control, uint32_t wanted) {
  // Whoever sees the wish sees the write index of before it: PublishWrites left a fence between.
  control.template Store<Edge::kUnordered>(Word::kPendingSendSize, wanted);
  // Without the fence the look at the index could be older than the wish: a lost wake.
  control.template Fence<Edge::kPendingThenReadIndex>();
  return control.template Load<Edge::kReadIndexThenOverwrite>(Word::kReadIndex);
}

}  // namespace vmbus::core

#endif  // VMBUS_CORE_RING_HANDSHAKE_H_
