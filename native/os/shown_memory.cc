// SPDX-License-Identifier: MIT
//
// Guests' memory; see shown_memory.h.

#include "shown_memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "dma_memory.h"
#include "sealed_memory.h"

namespace vmbus::os {

namespace {

constexpr uint64_t kBlock = kHugePageBytes;
constexpr uint64_t kFramesOfBlock = kBlock / kFrameBytes;
constexpr size_t kMostPieces = 16;
// Above 4 GiB, so that an address cut to 32 bits leads nowhere.
constexpr uint64_t kFirstBlock = (uint64_t{4} << 30) / kBlock;

// Of the whole process: a frame of one guest means nothing on another's node.
uint64_t TakeBlocks(uint64_t count) {
  static std::atomic<uint64_t> next{kFirstBlock};
  return next.fetch_add(count);
}

// Runs `copy` on each piece of [address, address + length) that is consecutive for us.
template <class Copy>
void EachBlock(const std::map<uint64_t, std::byte*>& blocks, uint64_t address, size_t length,
               Copy copy) {
  for (size_t at = 0; at < length;) {
    const uint64_t inside = (address + at) % kBlock;
    const size_t bytes = std::min(length - at, static_cast<size_t>(kBlock - inside));
    copy(blocks.at((address + at) / kBlock) + inside, at, bytes);
    at += bytes;
  }
}

}  // namespace

Result<std::vector<uint64_t>> ShownMemory::Add(int connection, UniqueFd file, uint64_t bytes) {
  if (bytes == 0 || bytes > kMostDmaBytes || bytes % kBlock != 0) return Errno{EINVAL};
  if (!IsSealedMemory(file, bytes)) return Errno{EINVAL};
  if (pieces_.size() >= kMostPieces) return Errno{EDQUOT};
  Result<Mapping> mapped = Mapping::Map(file.get(), static_cast<size_t>(bytes), 0, link_);
  if (!mapped.ok()) return Errno{mapped.error()};
  const uint64_t count = bytes / kBlock;
  // Twice as many, and every other one stays unused.
  const uint64_t base = TakeBlocks(2 * count);
  Piece piece{connection, mapped.Take(), {}};
  std::vector<uint64_t> frames;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t block = base + 2 * (count - 1 - i);
    piece.blocks.push_back(block);
    frames.push_back(block * kFramesOfBlock);
    blocks_.emplace(block, piece.memory.data() + i * kBlock);
  }
  pieces_.push_back(std::move(piece));
  return frames;
}

void ShownMemory::Drop(int connection) {
  for (auto piece = pieces_.begin(); piece != pieces_.end();) {
    const auto next = std::next(piece);
    if (piece->connection == connection) Forget(piece);
    piece = next;
  }
}

void ShownMemory::Clear() {
  blocks_.clear();
  pieces_.clear();
}

void ShownMemory::Forget(std::list<Piece>::iterator piece) {
  for (const uint64_t block : piece->blocks) blocks_.erase(block);
  pieces_.erase(piece);
}

bool ShownMemory::Holds(uint64_t address, uint64_t length) const {
  if (length == 0) return true;
  if (address > UINT64_MAX - length) return false;
  const uint64_t last = (address + length - 1) / kBlock;
  for (uint64_t block = address / kBlock; block <= last; ++block) {
    if (!blocks_.contains(block)) return false;
  }
  return true;
}

bool ShownMemory::Read(uint64_t address, std::span<std::byte> target) const {
  if (!Holds(address, target.size())) return false;
  EachBlock(blocks_, address, target.size(), [&](const std::byte* from, size_t at, size_t bytes) {
    // SAFETY: inside a mapped block. The guest may write meanwhile; the copy is torn then.
    memcpy(target.data() + at, from, bytes);
  });
  return true;
}

bool ShownMemory::Write(uint64_t address, std::span<const std::byte> source) {
  if (!Holds(address, source.size())) return false;
  EachBlock(blocks_, address, source.size(),
            [&](std::byte* to, size_t at, size_t bytes) { memcpy(to, source.data() + at, bytes); });
  return true;
}

}  // namespace vmbus::os
