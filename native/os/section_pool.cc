// SPDX-License-Identifier: MIT
//
// Sections of a send buffer; see section_pool.h.

#include "section_pool.h"

#include <algorithm>

namespace vmbus::os {

namespace {

constexpr uint32_t kMostReserve = 128;
// Of the reserve, for control messages alone.
constexpr uint32_t kControlShare = 4;
// A use in the upper half of an id; it begins anew after so many, which takes longer than a
// completion can.
constexpr uint64_t kUses = uint64_t{1} << 31;

}  // namespace

SectionPool::SectionPool(uint32_t sections)
    : sections_(sections), reserve_(std::min(kMostReserve, sections / 2)) {
  free_.reserve(sections);
  for (uint32_t section = sections; section > 0; --section) free_.push_back(section - 1);
}

uint32_t* SectionPool::Held(int owner) {
  const auto found = std::find_if(holders_.begin(), holders_.end(),
                                  [owner](const Holder& each) { return each.owner == owner; });
  if (found != holders_.end()) return &found->sections;
  holders_.push_back({owner, 0});
  return &holders_.back().sections;
}

uint32_t SectionPool::Take(int owner, Purpose purpose, std::span<uint64_t> ids) {
  const std::lock_guard lock(mutex_);
  uint32_t* held = Held(owner);
  const uint32_t control = reserve_ / kControlShare;
  uint32_t taken = 0;
  for (uint64_t& id : ids) {
    const bool first = *held == 0;
    const uint32_t kept = purpose == Purpose::kControl ? 0 : (first ? control : reserve_);
    if (free_.size() <= kept) break;
    const uint32_t section = free_.back();
    free_.pop_back();
    id = kIdMark | (next_use_ % kUses) << 32 | section;
    next_use_ += 1;
    sections_[section] = {id, owner};
    *held += 1;
    taken += 1;
  }
  return taken;
}

bool SectionPool::Free(int owner, uint64_t id) {
  const uint32_t section = SectionOf(id);
  if (!IsSectionId(id) || section >= sections_.size()) return false;
  Section& entry = sections_[section];
  if (entry.id != id || entry.owner != owner) return false;
  entry = {};
  free_.push_back(section);
  *Held(owner) -= 1;
  return true;
}

bool SectionPool::Complete(int owner, uint64_t id) {
  const std::lock_guard lock(mutex_);
  return Free(owner, id);
}

void SectionPool::GiveBack(int owner, std::span<const uint64_t> ids) {
  const std::lock_guard lock(mutex_);
  for (const uint64_t id : ids) static_cast<void>(Free(owner, id));
}

uint32_t SectionPool::free() {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(free_.size());
}

uint32_t SectionPool::HeldBy(int owner) {
  const std::lock_guard lock(mutex_);
  return *Held(owner);
}

}  // namespace vmbus::os
