// SPDX-License-Identifier: MIT
//
// What the freezer says; see report.h.

#include "report.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

namespace vmbus::freezer {

namespace {

// One line. Sized for the longest: a word, a reason and two numbers.
class Line {
 public:
  void Word(const char* text) {
    if (length_ > 0) Put(' ');
    for (; *text != '\0'; ++text) Put(*text);
  }

  void Number(int value) {
    char digits[12];
    int at = sizeof digits;
    digits[--at] = '\0';
    unsigned rest = value < 0 ? 0U - static_cast<unsigned>(value) : static_cast<unsigned>(value);
    do {
      digits[--at] = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest > 0);
    if (value < 0) digits[--at] = '-';
    Word(digits + at);
  }

  void Write() {
    Put('\n');
    // Lost where nobody reads any more: there is nobody to tell.
    if (write(STDOUT_FILENO, text_, length_) < 0) return;
  }

 private:
  void Put(char c) {
    if (length_ < sizeof text_) text_[length_++] = c;
  }

  char text_[64];
  size_t length_ = 0;
};

}  // namespace

void Say(const char* word) {
  Line line;
  line.Word(word);
  line.Write();
}

void Say(const char* word, int first) {
  Line line;
  line.Word(word);
  line.Number(first);
  line.Write();
}

void Say(const char* word, int first, int second) {
  Line line;
  line.Word(word);
  line.Number(first);
  line.Number(second);
  line.Write();
}

void SayEnd(const char* reason, int failures) {
  Line line;
  line.Word("end");
  line.Word(reason);
  line.Number(failures);
  line.Write();
}

void MakeSpeechUnwaiting() {
  const int flags = fcntl(STDOUT_FILENO, F_GETFL);
  if (flags >= 0) fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
}

}  // namespace vmbus::freezer
