// SPDX-License-Identifier: MIT
//
// Many packets at once: rows that say what they are, and the copy of their bytes.
// Run by: scripts/test-core.mjs.

#include <algorithm>
#include <random>
#include <span>
#include <vector>

#include "../core/copy_bytes.h"
#include "../core/packet_row.h"
#include "check.h"
#include "ring_fixture.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
namespace core = vmbus::core;
namespace reference = vmbus::reference;
using core::kIndexRowWords;
using Status = core::RingWriter::Status;

constexpr std::byte kUntouched{0xee};

std::vector<std::byte> Numbered(size_t bytes) {
  std::vector<std::byte> made(bytes);
  for (size_t i = 0; i < bytes; i++) made[i] = static_cast<std::byte>(i * 7 + i / 256);
  return made;
}

// Longer than any piece that a copy is made of, and every place within a line of the cache.
void CopiesEveryLengthAtEveryPlace() {
  constexpr uint32_t kLongest = 420;
  constexpr uint32_t kLine = 64;
  const std::vector<std::byte> source = Numbered(kLongest + kLine);
  for (uint32_t bytes = 0; bytes <= kLongest; bytes++) {
    for (uint32_t place = 0; place < kLine; place++) {
      std::vector<std::byte> target(kLongest + 2 * kLine, kUntouched);
      core::CopyBytes(&target[kLine + place], &source[(place * 5) % kLine], bytes);
      const auto from = source.begin() + (place * 5) % kLine;
      const auto start = target.begin() + kLine + place;
      const auto is_untouched = [](std::byte value) { return value == kUntouched; };
      bool ok = std::equal(from, from + bytes, start);
      ok = ok && std::all_of(target.begin(), start, is_untouched);
      ok = ok && std::all_of(start + bytes, target.end(), is_untouched);
      if (!Check(ok, std::to_string(bytes) + " bytes at " + std::to_string(place))) return;
    }
  }
}

struct Rows {
  std::vector<std::byte> arena = Numbered(4096);
  std::vector<int32_t> index;

  void Add(const core::PacketRow& row) {
    index.resize(index.size() + kIndexRowWords);
    core::PutRow(&index[index.size() - kIndexRowWords], row);
  }
  uint32_t count() const { return static_cast<uint32_t>(index.size() / kIndexRowWords); }
};

core::PacketRow RandomRow(std::mt19937& random, uint32_t longest) {
  const auto below = [&random](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  const auto headers = static_cast<uint16_t>(below(3));
  return {6,
          static_cast<uint16_t>(below(2)),
          static_cast<uint16_t>(2 + headers),
          headers * 8 + below(1000),
          below(longest + 1),
          uint64_t{random()} << 32 | random()};
}

void WordsOfARowAreWhereJavaScriptLooks() {
  int32_t words[kIndexRowWords];
  core::PutRow(words, {0xb, 1, 3, 40, 100, 0x8899aabbccddeeff});
  const int32_t expected[] = {0xb,
                              1 | 3 << 16,
                              40,
                              100,
                              static_cast<int32_t>(0xccddeeff),
                              static_cast<int32_t>(0x8899aabb)};
  Check(std::ranges::equal(words, expected), "six words");
  const core::PacketRow row = core::RowAt(words);
  CheckEqual(row.flags, 1, "flags");
  CheckEqual(row.header_bytes(), 8u, "headers");
  CheckEqual(row.transaction_id, 0x8899aabbccddeeffu, "id");
}

// Wherever the ring starts, and so wherever packets wrap: the same bytes as one by one.
void ManyAtOnceAreWhatTheyAreOneByOne() {
  constexpr uint32_t kData = 640;
  std::mt19937 random(1);
  for (uint32_t start = 0; start < kData; start += 8) {
    Rows rows;
    for (int i = 0; i < 12; i++) rows.Add(RandomRow(random, 120));
    const TestRing many(kData, start);
    const TestRing single(kData, start);
    core::RingWriter writer(many.memory());
    core::RingWriter expected(single.memory());
    const auto batch = writer.WriteRows(rows.arena, rows.index);
    uint32_t written = 0;
    Status status = Status::kWritten;
    for (; written < rows.count(); written++) {
      const core::PacketRow row = core::RowAt(&rows.index[written * kIndexRowWords]);
      const std::span<const std::byte> arena(rows.arena);
      status = expected.Write(
          {static_cast<uint16_t>(row.type), row.flags, row.offset8, row.transaction_id,
           arena.subspan(row.offset - row.header_bytes(), row.header_bytes() + row.length)});
      if (status != Status::kWritten) break;
    }
    bool ok = CheckEqual(batch.count, written, "written");
    ok = CheckEqual(batch.status, status, "why no more") && ok;
    ok = CheckEqual(writer.write_index(), expected.write_index(), "write index") && ok;
    ok = CheckEqual(writer.body_bytes(), expected.body_bytes(), "bytes counted") && ok;
    ok = CheckEqual(writer.packets(), expected.packets(), "packets counted") && ok;
    ok = Check(std::equal(many.memory().data, many.memory().data + kData, single.memory().data),
               "bytes of the ring") &&
         ok;
    if (!ok) return;
  }
}

// They come out as they went in, whatever the reader takes at a time.
void RowsGoThroughARingThatIsTooSmallForThem() {
  constexpr uint32_t kData = 1024;
  std::mt19937 random(2);
  Rows rows;
  for (int i = 0; i < 400; i++) rows.Add(RandomRow(random, 300));
  const TestRing ring(kData, 1000);
  core::RingWriter writer(ring.memory());
  reference::Reader reader(ring.reference());
  uint32_t written = 0;
  uint32_t read = 0;
  while (read < rows.count()) {
    const std::span<const int32_t> left(rows.index);
    const auto batch = writer.WriteRows(rows.arena, left.subspan(written * kIndexRowWords));
    written += batch.count;
    const bool all = written == rows.count();
    if (!CheckEqual(batch.status, all ? Status::kWritten : Status::kFull, "status")) return;
    (void)writer.Publish();
    for (auto most = 1 + random() % 5; most > 0; most--) {
      const auto packet = reader.Next();
      if (!packet) break;
      const core::PacketRow row = core::RowAt(&rows.index[read * kIndexRowWords]);
      const auto from = rows.arena.begin() + row.offset - row.header_bytes();
      const auto bytes = row.header_bytes() + row.length;
      const bool same = packet->id == row.transaction_id && packet->flags == row.flags &&
                        packet->offset8 == row.offset8 &&
                        std::equal(from, from + bytes, packet->body.begin());
      if (!Check(same, "packet " + std::to_string(read))) return;
      read += 1;
    }
    (void)reader.Publish();
  }
}

// None of them may reach beyond the arena, or start before it; what came before one is written.
void ABadRowStopsTheBatchAndNothingElse() {
  const core::PacketRow good{6, 0, 2, 8, 16, 1};
  const core::PacketRow bad[] = {
      {6, 0, 2, 4090, 7, 2},       {6, 0, 2, 0, 4097, 2},    {6, 0, 2, UINT32_MAX, 1, 2},
      {6, 0, 2, 1, UINT32_MAX, 2}, {6, 0, 3, 7, 8, 2},       {6, 0, 1, 8, 8, 2},
      {6, 0, 0, 8, 8, 2},          {0x10000, 0, 2, 8, 8, 2}, {UINT32_MAX, 0, 2, 8, 8, 2},
      {6, 0, 0xffff, 4096, 0, 2},  {6, 0, 2, 4097, 0, 2},
  };
  for (const core::PacketRow& wrong : bad) {
    Rows rows;
    rows.Add(good);
    rows.Add(wrong);
    rows.Add(good);
    const TestRing ring(4096);
    core::RingWriter writer(ring.memory());
    const auto batch = writer.WriteRows(rows.arena, rows.index);
    CheckEqual(batch.count, 1u, "written before the bad row");
    CheckEqual(batch.status, Status::kBadRow, "status");
    CheckEqual(writer.write_index(), 16u + 16 + 8, "write index");
  }
  Rows whole;
  whole.Add({6, 0, 2, 0, 4096, 1});
  whole.Add({6, 0, 2, 4096, 0, 2});
  const TestRing ring(8192);
  core::RingWriter writer(ring.memory());
  CheckEqual(writer.WriteRows(whole.arena, whole.index).count, 2u, "up to the end of the arena");
}

void ARowThatCanNeverFitIsTooLarge() {
  Rows rows;
  rows.Add({6, 0, 2, 0, 16, 1});
  rows.Add({6, 0, 2, 0, 600, 2});
  const TestRing ring(512, 480);
  core::RingWriter writer(ring.memory());
  const auto batch = writer.WriteRows(rows.arena, rows.index);
  CheckEqual(batch.count, 1u, "written");
  CheckEqual(batch.status, Status::kTooLarge, "status");
}

void ABrokenReadIndexEndsTheRing() {
  Rows rows;
  for (int i = 0; i < 64; i++) rows.Add({6, 0, 2, 0, 64, 1});
  const TestRing ring(1024);
  core::RingWriter writer(ring.memory());
  ring.reference().Set(reference::kR, 1020);
  const auto batch = writer.WriteRows(rows.arena, rows.index);
  CheckEqual(batch.status, Status::kViolation, "status");
  Check(batch.count < 64, "not all");
  CheckEqual(writer.WriteRows(rows.arena, rows.index).count, 0u, "nothing any more");
}

}  // namespace

int main() {
  Test("a copy moves every length at every place, and nothing beside it",
       CopiesEveryLengthAtEveryPlace);
  Test("the words of a row are where JavaScript looks for them",
       WordsOfARowAreWhereJavaScriptLooks);
  Test("many rows at once write what they write one by one, wherever the ring wraps",
       ManyAtOnceAreWhatTheyAreOneByOne);
  Test("rows go through a ring that is too small for them",
       RowsGoThroughARingThatIsTooSmallForThem);
  Test("a bad row stops the batch, and what came before it is written",
       ABadRowStopsTheBatchAndNothingElse);
  Test("a row that can never fit is too large", ARowThatCanNeverFitIsTooLarge);
  Test("a broken read index ends the ring in the middle of a batch", ABrokenReadIndexEndsTheRing);
  return Summary();
}
