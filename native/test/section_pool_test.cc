// SPDX-License-Identifier: MIT
//
// The pool of sections: each is given once and comes back once, whatever ids a host makes up.
// Run by: scripts/test-core.mjs.

#include "../os/section_pool.h"

#include <vector>

#include "check.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using vmbus::os::SectionPool;

void Sections() {
  std::vector<uint64_t> ids(4096);
  Test("sections are given once, and come back once", [&] {
    SectionPool pool(10);
    const uint32_t taken = pool.Take(1, SectionPool::Purpose::kControl, std::span(ids).first(10));

    CheckEqual(taken, 10u, "all of them");
    CheckEqual(pool.Take(1, SectionPool::Purpose::kControl, std::span(ids).subspan(10, 1)), 0u,
               "none is left");
    Check(pool.Complete(1, ids[3]), "back");
    Check(!pool.Complete(1, ids[3]), "not twice");
    CheckEqual(pool.free(), 1u, "one is free");
  });
  Test("an id of an earlier use frees nothing", [&] {
    SectionPool pool(1);
    CheckEqual(pool.Take(1, SectionPool::Purpose::kControl, std::span(ids).first(1)), 1u, "taken");
    Check(pool.Complete(1, ids[0]), "back");
    CheckEqual(pool.Take(1, SectionPool::Purpose::kControl, std::span(ids).subspan(1, 1)), 1u,
               "taken again");

    CheckEqual(SectionPool::SectionOf(ids[0]), SectionPool::SectionOf(ids[1]), "the same section");
    Check(!pool.Complete(1, ids[0]), "the old id");
    CheckEqual(pool.free(), 0u, "still taken");
  });
  Test("ids that were never given free nothing", [&] {
    SectionPool pool(4);
    CheckEqual(pool.Take(1, SectionPool::Purpose::kControl, std::span(ids).first(2)), 2u, "taken");
    for (const uint64_t id :
         {uint64_t{0}, uint64_t{3}, SectionPool::kIdMark, SectionPool::kIdMark | 0xffffffff,
          ids[0] ^ SectionPool::kIdMark, ids[0] + 1, ids[0] + (uint64_t{1} << 32), ~uint64_t{0}}) {
      Check(!pool.Complete(1, id), "a strange id");
    }
    Check(!pool.Complete(2, ids[0]), "another queue's");
    CheckEqual(pool.free(), 2u, "as before");
  });
  Test("a queue with nothing under way always gets a section", [&] {
    SectionPool pool(1000);
    const uint32_t most = pool.Take(1, SectionPool::Purpose::kFrames, ids);

    CheckEqual(most, 1000u - 128, "but for the reserve");
    CheckEqual(pool.Take(1, SectionPool::Purpose::kFrames, ids), 0u, "it has to wait");
    CheckEqual(pool.Take(2, SectionPool::Purpose::kFrames, std::span(ids).first(4)), 1u, "one");
    CheckEqual(pool.Take(2, SectionPool::Purpose::kFrames, std::span(ids).first(4)), 0u, "not two");
    CheckEqual(pool.Take(1, SectionPool::Purpose::kControl, std::span(ids).first(4)), 4u,
               "control messages get through");
    CheckEqual(pool.HeldBy(1), 1000u - 128 + 4, "held");
  });
}

}  // namespace

int main() {
  Sections();
  return Summary();
}
