// SPDX-License-Identifier: MIT
//
// The sections of a send buffer: which are free, and who has the others. One pool serves all queues
// of a device, in whatever threads; each queue can always get on by its own completions, because
// the last sections are kept for queues that have none. Called by: frame_queue.
// A host's completion names a section by an id that is never used twice: one that comes twice, or
// was never given, frees nothing.

#ifndef VMBUS_OS_SECTION_POOL_H_
#define VMBUS_OS_SECTION_POOL_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace vmbus::os {

class SectionPool {
 public:
  // Bits of a transaction id that is a section's; ids of scripts never have the top one.
  static constexpr uint64_t kIdMark = uint64_t{1} << 63;

  explicit SectionPool(uint32_t sections);
  SectionPool(const SectionPool&) = delete;
  SectionPool& operator=(const SectionPool&) = delete;

  enum class Purpose { kFrames, kControl };

  // Up to `ids.size()` sections for `owner`; how many there are, and an id for each.
  [[nodiscard]] uint32_t Take(int owner, Purpose purpose, std::span<uint64_t> ids);

  // The host is done with a section that `owner` sent. False for an id that the owner has not.
  bool Complete(int owner, uint64_t id);
  // These were never sent.
  void GiveBack(int owner, std::span<const uint64_t> ids);

  static uint32_t SectionOf(uint64_t id) { return static_cast<uint32_t>(id); }
  static bool IsSectionId(uint64_t id) { return (id & kIdMark) != 0; }

  uint32_t size() const { return static_cast<uint32_t>(sections_.size()); }
  uint32_t free();
  uint32_t HeldBy(int owner);

 private:
  struct Section {
    uint64_t id = 0;  // 0: free
    int owner = 0;
  };
  bool Free(int owner, uint64_t id);
  uint32_t* Held(int owner);

  std::mutex mutex_;
  std::vector<Section> sections_;
  std::vector<uint32_t> free_;  // a stack: the last one given back is still warm
  struct Holder {
    int owner;
    uint32_t sections;
  };
  std::vector<Holder> holders_;
  uint64_t next_use_ = 1;
  const uint32_t reserve_;  // for control messages, and for queues that have nothing under way
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_SECTION_POOL_H_
