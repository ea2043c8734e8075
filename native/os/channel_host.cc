// SPDX-License-Identifier: MIT
//
// What only a simulated host does with its end of a channel: starting afresh, and breaking the
// rules on purpose. See channel.h.

#include <mutex>

#include "../core/ring_layout.h"
#include "channel.h"
#include "status.h"

namespace vmbus::os {

using core::ControlWords;
using core::Edge;
using core::RingWriter;
using core::Word;

int32_t Channel::Reset() {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  core::ResetRing(memory_.in);
  core::ResetRing(memory_.out);
  totals_.packets_in += reader_.packets();
  totals_.bytes_in += reader_.body_bytes();
  totals_.packets_out += writer_.packets();
  totals_.bytes_out += writer_.body_bytes();
  reader_ = core::RingReader(memory_.in);
  writer_ = core::RingWriter(memory_.out);
  StartAfresh();
  return 0;
}

int32_t Channel::DropSignals(uint32_t count) {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  drop_signals_ = count;
  return 0;
}

int32_t Channel::PokeHeader(bool out_ring, uint32_t byte_offset, uint32_t value) {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  if (byte_offset % sizeof(value) != 0 || byte_offset >= core::kHeaderBytes) return kBadRow;
  const ControlWords words(out_ring ? memory_.out : memory_.in);
  words.Store<Edge::kDataThenWriteIndex>(static_cast<Word>(byte_offset), value);
  return 0;
}

// What the writer could never be made to write: no descriptor, no trailer, no check. The index
// stays aligned; a crooked one is what PokeHeader is for.
int32_t Channel::WriteRaw(std::span<const std::byte> bytes) {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  if (bytes.size() >= memory_.out.data_size) return kTooLarge;
  const uint32_t start = writer_.write_index();
  const core::RingData data(memory_.out);
  data.CopyIn(start, bytes.data(), static_cast<uint32_t>(bytes.size()));
  const uint32_t next =
      core::Advance(start, core::RoundUpToUnit(static_cast<uint32_t>(bytes.size())), data.size());
  ControlWords(memory_.out).Store<Edge::kDataThenWriteIndex>(Word::kWriteIndex, next);
  totals_.packets_out += writer_.packets();
  totals_.bytes_out += writer_.body_bytes();
  writer_ = RingWriter(memory_.out);
  Signal();
  return 0;
}

}  // namespace vmbus::os
