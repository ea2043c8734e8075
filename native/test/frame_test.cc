// SPDX-License-Identifier: MIT
//
// Frames out of transfer-pages packets, and headers of frames that are sent: golden bytes as hosts
// write them, what a broken or hostile host may write, arenas that fill up.
// Run by: scripts/test-core.mjs.

#include <cstring>
#include <string>
#include <vector>

#include "../core/rndis_packet.h"
#include "../core/transfer_reader.h"
#include "check.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using namespace vmbus::core;  // NOLINT: a test file

using Bytes = std::vector<std::byte>;

Bytes Hex(const std::string& text) {
  Bytes bytes;
  std::string digits;
  for (const char each : text) {
    if (each != ' ') digits += each;
  }
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

void Put(Bytes& bytes, size_t at, uint32_t value) { std::memcpy(&bytes[at], &value, 4); }

Bytes Frame(size_t bytes, uint8_t first = 0) {
  Bytes frame(bytes);
  for (size_t i = 0; i < bytes; ++i) frame[i] = static_cast<std::byte>(first + i);
  return frame;
}

// A PACKET message that claims `length` bytes, with its frame at `data`, as OpenVMM writes it.
Bytes Message(const Bytes& frame, uint32_t data, uint32_t length, const Bytes& elements = {}) {
  Bytes bytes(length);
  Put(bytes, 0, 1);
  Put(bytes, 4, length);
  Put(bytes, 8, data - 8);
  Put(bytes, 12, static_cast<uint32_t>(frame.size()));
  if (!elements.empty()) {
    Put(bytes, 28, 36);
    Put(bytes, 32, static_cast<uint32_t>(elements.size()));
    std::memcpy(&bytes[44], elements.data(), elements.size());
  }
  if (data + frame.size() <= length) std::memcpy(&bytes[data], frame.data(), frame.size());
  return bytes;
}

Bytes Element(uint32_t type, uint32_t value, uint32_t size = 16, uint32_t offset = 12) {
  Bytes bytes(16);
  Put(bytes, 0, size);
  Put(bytes, 4, type);
  Put(bytes, 8, offset);
  Put(bytes, 12, value);
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Range {
  uint32_t bytes;
  uint32_t offset;
};

Bytes Header(const std::vector<Range>& ranges, uint16_t set = 0xcafe, int64_t count = -1) {
  Bytes bytes(8 + 8 * ranges.size());
  std::memcpy(bytes.data(), &set, sizeof(set));
  Put(bytes, 4, count < 0 ? static_cast<uint32_t>(ranges.size()) : static_cast<uint32_t>(count));
  for (size_t i = 0; i < ranges.size(); ++i) {
    Put(bytes, 8 + 8 * i, ranges[i].bytes);
    Put(bytes, 12 + 8 * i, ranges[i].offset);
  }
  return bytes;
}

// A receive buffer, and the reader of packets that name pieces of it. Allocations of exactly their
// sizes, so that a sanitizer sees every byte too far.
class Scene {
 public:
  static constexpr uint32_t kPiece = 2048;

  explicit Scene(uint32_t pieces = 8, uint32_t messages = 1)
      : buffer(pieces * kPiece, std::byte{0xee}), rules{pieces * kPiece, kPiece, messages} {}

  void Write(uint32_t piece, const Bytes& bytes) {
    std::memcpy(&buffer[size_t{piece} * kPiece], bytes.data(), bytes.size());
  }
  // The number of rows; the packet must be done.
  uint32_t Read(const Bytes& header) {
    FrameSink sink(arena, rows);
    reader.Begin(header, rules);
    Check(reader.Continue(buffer, rules, &sink), "done in one go");
    return sink.count();
  }
  int32_t Word(uint32_t row, uint32_t word) const { return rows[row * kFrameRowWords + word]; }
  Bytes Content(uint32_t row) const {
    const auto at = arena.begin() + Word(row, 1);
    return {at, at + Word(row, 2)};
  }

  Bytes buffer;
  TransferRules rules;
  TransferReader reader;
  Bytes arena = Bytes(kLeastArenaBytes);
  std::vector<int32_t> rows = std::vector<int32_t>(64 * kFrameRowWords);
};

void Golden() {
  Test("a frame as OpenVMM hands it over is copied out", [] {
    Scene scene;
    scene.Write(3, Message(Frame(60), 256, 1806));

    const uint32_t count = scene.Read(Header({{1806, 3 * Scene::kPiece}}));

    CheckEqual(count, 1u, "rows");
    CheckEqual(scene.Word(0, 0), 0, "kind");
    CheckEqual(scene.Word(0, 3), 0, "nothing beside it");
    Check(scene.Content(0) == Frame(60), "bytes");
    Check(scene.reader.good(), "good");
    CheckEqual(scene.reader.counts().frame_bytes, 60u, "counted bytes");
  });
  Test("an answer to INITIALIZE comes out as a control message", [] {
    Scene scene;
    const Bytes answer = Hex(
        "02000080 34000000 01000000 00000000 01000000 00000000 01000000 00000000 08000000 00400000"
        "03000000 00000000 00000000");
    scene.Write(0, answer);

    const uint32_t count = scene.Read(Header({{52, 0}}));

    CheckEqual(count, 1u, "rows");
    CheckEqual(scene.Word(0, 0), 1, "kind");
    Check(scene.Content(0) == answer, "bytes");
  });
  Test("an indication whose length forgets its buffer comes with all of its piece", [] {
    Scene scene;
    scene.Write(0, Hex("07000000 14000000 13000140 04000000 0c000000 40420f00"));

    CheckEqual(scene.Read(Header({{24, 0}})), 1u, "rows");
    CheckEqual(scene.Word(0, 2), 24, "bytes");
  });
  Test("checksum, VLAN and hash stand in the row", [] {
    Scene scene;
    const Bytes elements = Element(0, 0x28) + Element(6, 0x0123) + Element(8, 0xdeadbeef) +
                           Element(0x80000001, 0x1) + Element(9, 7);
    scene.Write(1, Message(Frame(100), 256, 1806, elements));

    CheckEqual(scene.Read(Header({{1806, Scene::kPiece}})), 1u, "rows");

    CheckEqual(scene.Word(0, 3), 7, "present");
    CheckEqual(scene.Word(0, 4), 0x28, "checksum");
    CheckEqual(scene.Word(0, 5), 0x123, "VLAN");
    CheckEqual(static_cast<uint32_t>(scene.Word(0, 6)), 0xdeadbeef, "hash");
  });
  Test("the header of a sent frame is that of the documents", [] {
    Bytes header(44);
    WritePacketHeader(header.data(), {}, 60);

    CheckEqual(PacketHeaderBytes({}), 44u, "length");
    Check(header == Hex("01000000 68000000 24000000 3c000000") + Bytes(28), "bytes");
  });
  Test("elements of a sent frame lie between header and frame", [] {
    FrameInfo info;
    info.present = kHasChecksum | kHasVlan;
    info.checksum = 0x00220005;
    info.vlan = 0x70;
    Bytes header(PacketHeaderBytes(info));
    WritePacketHeader(header.data(), info, 60);

    Check(header == Hex("01000000 88000000 44000000 3c000000 00000000 00000000 00000000 24000000"
                        "20000000 00000000 00000000"
                        "10000000 06000000 0c000000 70000000"
                        "10000000 00000000 0c000000 05002200"),
          "bytes");
  });
}

void Many() {
  Test("every piece of a packet is read, in order", [] {
    Scene scene;
    std::vector<Range> ranges;
    for (uint32_t piece = 0; piece < 8; ++piece) {
      scene.Write(piece, Message(Frame(64, static_cast<uint8_t>(piece)), 256, 1806));
      ranges.push_back({1806, piece * Scene::kPiece});
    }

    CheckEqual(scene.Read(Header(ranges)), 8u, "rows");
    for (uint32_t row = 0; row < 8; ++row) {
      Check(scene.Content(row) == Frame(64, static_cast<uint8_t>(row)), "frame");
      CheckEqual(scene.Word(row, 1) % 8, 0, "alignment");
    }
  });
  Test("a full arena or a full index stops a packet, which goes on later", [] {
    for (const bool short_of_rows : {false, true}) {
      Scene scene;
      std::vector<Range> ranges;
      for (uint32_t piece = 0; piece < 8; ++piece) {
        scene.Write(piece, Message(Frame(1500, static_cast<uint8_t>(piece)), 256, 1806));
        ranges.push_back({1806, piece * Scene::kPiece});
      }
      const Bytes header = Header(ranges);
      Bytes arena(short_of_rows ? 65536 : 3 * 1504 + 100);
      std::vector<int32_t> rows((short_of_rows ? 3 : 64) * kFrameRowWords);
      scene.reader.Begin(header, scene.rules);
      uint32_t seen = 0;
      for (bool done = false; !done;) {
        FrameSink sink(arena, rows);
        done = scene.reader.Continue(scene.buffer, scene.rules, &sink);
        Check(done || sink.count() == 3, "as many as there is room for");
        for (uint32_t row = 0; row < sink.count(); ++row, ++seen) {
          const auto at = arena.begin() + rows[row * kFrameRowWords + 1];
          Check(Bytes(at, at + 1500) == Frame(1500, static_cast<uint8_t>(seen)), "frame");
        }
      }
      CheckEqual(seen, 8u, "frames");
      CheckEqual(scene.reader.counts().frames, 8u, "counted once each");
    }
  });
  Test("messages behind each other are read where that is wanted, else left alone", [] {
    const Bytes two = Message(Frame(60, 1), 44, 104) + Message(Frame(60, 2), 44, 104);
    for (const uint32_t messages : {1u, 8u}) {
      Scene scene(8, messages);
      scene.Write(0, two);

      CheckEqual(scene.Read(Header({{208, 0}})), messages == 1 ? 1u : 2u, "rows");
      Check(scene.reader.good(), "good");
      if (messages > 1) Check(scene.Content(1) == Frame(60, 2), "the second");
    }
  });
  Test("no more messages are read than were agreed on", [] {
    Scene scene(8, 3);
    Bytes many;
    for (uint8_t i = 0; i < 6; ++i) many = many + Message(Frame(20, i), 44, 64);
    scene.Write(0, many);

    CheckEqual(scene.Read(Header({{static_cast<uint32_t>(many.size()), 0}})), 3u, "rows");
  });
}

void Hostile() {
  struct BadPacket {
    const char* what;
    Bytes header;
  };
  const std::vector<BadPacket> packets = {
      {"no header", {}},
      {"half a header", Bytes(7)},
      {"another set id", Header({{100, 0}}, 0xcaff)},
      {"no pieces", Header({})},
      {"more pieces than the header has", Header({{100, 0}}, 0xcafe, 2)},
      {"a count that overflows", Header({{100, 0}}, 0xcafe, 0x20000001)},
      {"the largest count", Header({{100, 0}}, 0xcafe, 0xffffffff)},
      {"more pieces than hosts have", Header(std::vector<Range>(563, Range{100, 0}))},
  };
  for (const auto& [what, header] : packets) {
    Test((std::string("a packet with ") + what + " is refused").c_str(), [&] {
      Scene scene;
      scene.Write(0, Message(Frame(60), 44, 104));

      CheckEqual(scene.Read(header), 0u, "rows");
      CheckEqual(scene.reader.counts().broken_packets, 1u, "counted");
      Check(!scene.reader.good(), "not good");
    });
  }
  const Range ranges[] = {{104, 8 * Scene::kPiece}, {104, 8 * Scene::kPiece - 103},
                          {104, 0xffffffff},        {0xffffffff, 0},
                          {0xffffffff, 0xffffffff}, {Scene::kPiece + 1, 0},
                          {0x80000000, 0x80000000}, {104, 0xffffff98}};
  for (const Range& range : ranges) {
    Test("a piece outside the buffer, or too large, is skipped; the one after it is not", [&] {
      Scene scene;
      scene.Write(0, Message(Frame(60), 44, 104));

      CheckEqual(scene.Read(Header({range, {104, 0}})), 1u, "rows");
      CheckEqual(scene.reader.counts().broken_ranges, 1u, "counted");
      Check(!scene.reader.good(), "not good");
    });
  }
  Test("without an agreed buffer every packet is refused", [] {
    Scene scene;
    scene.rules = {};
    CheckEqual(scene.Read(Header({{100, 0}})), 0u, "rows");
    Check(!scene.reader.good(), "not good");
  });
  Test("a buffer that is gone holds no piece", [] {
    Scene scene;
    FrameSink sink(scene.arena, scene.rows);
    const Bytes header = Header({{104, 0}});
    scene.reader.Begin(header, scene.rules);
    Check(scene.reader.Continue({}, scene.rules, &sink), "done");
    CheckEqual(sink.count(), 0u, "rows");
    Check(!scene.reader.good(), "not good");
  });

  struct BadMessage {
    const char* what;
    uint32_t at;
    uint32_t value;
  };
  const BadMessage messages[] = {
      {"length 0", 4, 0},
      {"a length of less than a header", 4, 7},
      {"a length of less than a packet's header", 4, 43},
      {"a length beyond its piece", 4, 105},
      {"the largest length", 4, 0xffffffff},
      {"its frame behind it", 8, 97},
      {"an offset that overflows", 8, 0xffffffff},
      {"an offset that overflows together with the length", 8, 0xffffffc4},
      {"a frame longer than itself", 12, 61},
      {"the longest frame", 12, 0xffffffff},
      {"no frame", 12, 0},
      {"less than an Ethernet header", 12, 13},
      {"elements behind it", 28, 97},
      {"an element offset that overflows", 28, 0xfffffff0},
      {"more elements than bytes", 32, 97},
      {"the most elements", 32, 0xffffffff},
  };
  for (const auto& [what, at, value] : messages) {
    Test((std::string("a message with ") + what + " is dropped").c_str(), [&] {
      Scene scene;
      Bytes message = Message(Frame(60), 44, 104);
      Put(message, 28, 36);
      Put(message, 32, 16);
      Put(message, at, value);
      scene.Write(0, message);

      CheckEqual(scene.Read(Header({{104, 0}})), 0u, "rows");
      CheckEqual(scene.reader.counts().broken_messages, 1u, "counted");
      Check(!scene.reader.good(), "not good");
    });
  }
  Test("a piece of less than a header is dropped", [] {
    Scene scene;
    CheckEqual(scene.Read(Header({{7, 0}, {0, 0}})), 0u, "rows");
    CheckEqual(scene.reader.counts().broken_messages, 2u, "counted");
  });

  struct BadElement {
    const char* what;
    Bytes bytes;
  };
  const std::vector<BadElement> elements = {
      {"of size 0", Element(6, 5, 0)},
      {"smaller than its header", Element(6, 5, 11)},
      {"larger than the rest", Element(6, 5, 17)},
      {"of the largest size", Element(6, 5, 0xffffffff)},
      {"with its value at its end", Element(6, 5, 16, 16)},
      {"with its value behind it", Element(6, 5, 16, 0xffffffff)},
      {"with its value over its header", Element(6, 5, 16, 11)},
      {"with a value cut short", Element(6, 5, 16, 13)},
  };
  for (const auto& [what, bytes] : elements) {
    Test((std::string("an element ") + what + " counts for nothing; its frame is good").c_str(),
         [&] {
           Scene scene;
           scene.Write(0, Message(Frame(60), 256, 1806, Element(8, 3) + bytes));

           CheckEqual(scene.Read(Header({{1806, 0}})), 1u, "rows");
           CheckEqual(scene.Word(0, 3), 4, "what was before it stands");
           Check(scene.Content(0) == Frame(60), "frame");
         });
  }
  Test("a part of a coalesced frame, which nobody asked for, is dropped", [] {
    Scene scene;
    scene.Write(0, Message(Frame(60), 256, 1806, Element(0x80000001, 0x00010301)));

    CheckEqual(scene.Read(Header({{1806, 0}})), 0u, "rows");
    CheckEqual(scene.reader.counts().coalesced, 1u, "counted");
  });
}

}  // namespace

int main() {
  Golden();
  Many();
  Hostile();
  return Summary();
}
