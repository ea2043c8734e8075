// SPDX-License-Identifier: MIT
//
// The few lines a test executable needs: named tests, checks that say where they failed, a summary.
// Used by: every executable of native/test. The last line printed is "N passed, N failed, N
// skipped", which scripts/test-core.mjs adds up.

#ifndef VMBUS_TEST_CHECK_H_
#define VMBUS_TEST_CHECK_H_

#include <cstdint>
#include <cstdio>
#include <source_location>
#include <string>
#include <type_traits>

namespace vmbus::test {

struct Tally {
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  int complaints = 0;  // of the running test
};

inline Tally& tally() {
  static Tally instance;
  return instance;
}

// Counts against the running test; only the first few are printed. Returns ok, to stop a loop.
inline bool Check(bool ok, const std::string& what,
                  std::source_location at = std::source_location::current()) {
  if (!ok && ++tally().complaints <= 5) {
    std::printf("  %s:%u: %s\n", at.file_name(), static_cast<unsigned>(at.line()), what.c_str());
  }
  return ok;
}

template <typename A, typename B>
bool CheckEqual(const A& actual, const B& expected, const std::string& what,
                std::source_location at = std::source_location::current()) {
  if (actual == expected) return true;
  std::string values;
  if constexpr ((std::is_integral_v<A> || std::is_enum_v<A>) &&
                (std::is_integral_v<B> || std::is_enum_v<B>)) {
    values = ": " + std::to_string(static_cast<int64_t>(actual)) + " instead of " +
             std::to_string(static_cast<int64_t>(expected));
  }
  return Check(false, what + values, at);
}

// Runs one test; its name is a sentence about behaviour.
template <typename Body>
void Test(const char* name, Body body) {
  tally().complaints = 0;
  body();
  const bool ok = tally().complaints == 0;
  (ok ? tally().passed : tally().failed) += 1;
  if (!ok) std::printf("FAIL %s (%d complaints)\n", name, tally().complaints);
}

inline void Skip(const char* name, const char* reason) {
  tally().skipped += 1;
  std::printf("skip %s: %s\n", name, reason);
}

inline int Summary() {
  std::printf("%d passed, %d failed, %d skipped\n", tally().passed, tally().failed,
              tally().skipped);
  return tally().failed == 0 ? 0 : 1;
}

}  // namespace vmbus::test

#endif  // VMBUS_TEST_CHECK_H_
