// SPDX-License-Identifier: MIT
//
// What the freezer says: one line a fact, words and numbers, to standard output.
// Called by: main.cc, worker.cc. Read by: lib/services/backup/freezer-lines.ts, which lists the
// lines.
//
// A line is made on the stack and written at once, without waiting: a reader that is stuck must not
// keep us from thawing. Lines are short, and few enough for the pipe to hold them all.

#ifndef VMBUS_FREEZER_REPORT_H_
#define VMBUS_FREEZER_REPORT_H_

namespace vmbus::freezer {

// The word and up to three numbers.
void Say(const char* word);
void Say(const char* word, int first);
void Say(const char* word, int first, int second);
// "end deadline 0"
void SayEnd(const char* reason, int failures);

// Standard output no longer waits for its reader.
void MakeSpeechUnwaiting();

}  // namespace vmbus::freezer

#endif  // VMBUS_FREEZER_REPORT_H_
