// SPDX-License-Identifier: GPL-2.0-or-later
// Frames on their way to the process, one after the other in one piece of memory.
// A virtual processor that posts a message only copies it here: it never waits for the process.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t* bytes;
static size_t capacity;
static size_t first;  // start of the oldest frame that is not wholly sent
static size_t sent;   // first <= sent <= end
static size_t end;

static bool make_room(size_t length) {
  if (end + length > capacity && first > 0) {
    memmove(bytes, bytes + first, end - first);
    sent -= first;
    end -= first;
    first = 0;
  }
  if (end + length <= capacity) return true;
  size_t wanted = capacity ? capacity : 4096;
  while (wanted < end + length) wanted *= 2;
  uint8_t* larger = realloc(bytes, wanted);
  if (!larger) return false;
  bytes = larger;
  capacity = wanted;
  return true;
}

static size_t write_frame(uint8_t* at, enum to_process op, uint64_t tag, struct piece a,
                          struct piece b) {
  struct frame frame = {(uint32_t)(a.length + b.length), (uint16_t)op, 0, tag};
  memcpy(at, &frame, sizeof(frame));
  if (a.length) memcpy(at + sizeof(frame), a.bytes, a.length);
  if (b.length) memcpy(at + sizeof(frame) + a.length, b.bytes, b.length);
  return sizeof(frame) + a.length + b.length;
}

// Adds a frame unless more than `limit` bytes would wait then. False if it was not added.
bool outbox_add(enum to_process op, uint64_t tag, struct piece a, struct piece b, size_t limit) {
  size_t length = sizeof(struct frame) + a.length + b.length;
  pthread_mutex_lock(&lock);
  bool fits = end - sent + length <= limit && make_room(length);
  if (fits) end += write_frame(bytes + end, op, tag, a, b);
  pthread_mutex_unlock(&lock);
  return fits;
}

// Puts a frame before all others, none of which may have been sent in part.
void outbox_add_first(enum to_process op, struct piece a) {
  size_t length = sizeof(struct frame) + a.length;
  pthread_mutex_lock(&lock);
  if (make_room(length)) {
    memmove(bytes + first + length, bytes + first, end - first);
    write_frame(bytes + first, op, 0, a, (struct piece){0});
    sent = first;
    end += length;
  }
  pthread_mutex_unlock(&lock);
}

static size_t frame_length(size_t at) {
  struct frame frame;
  memcpy(&frame, bytes + at, sizeof(frame));
  return sizeof(frame) + frame.length;
}

// True if such a frame waits of which the process has seen nothing yet.
bool outbox_has(enum to_process op, uint64_t tag) {
  bool found = false;
  pthread_mutex_lock(&lock);
  for (size_t at = first; at < end && !found; at += frame_length(at)) {
    struct frame frame;
    memcpy(&frame, bytes + at, sizeof(frame));
    found = at >= sent && frame.op == op && frame.tag == tag;
  }
  pthread_mutex_unlock(&lock);
  return found;
}

// Forgets all frames: nobody is there to have them.
void outbox_clear(void) {
  pthread_mutex_lock(&lock);
  first = sent = end = 0;
  pthread_mutex_unlock(&lock);
}

static bool is_from_guest(size_t at) {
  struct frame frame;
  memcpy(&frame, bytes + at, sizeof(frame));
  return frame.op == MSG || frame.op == EVENT;
}

// Forgets what the guest said, but for a frame that was sent in part. Answers stay: each READ gets
// one.
void outbox_forget_guest(void) {
  pthread_mutex_lock(&lock);
  size_t keep = first;
  for (size_t at = first, length; at < end; at += length) {
    length = frame_length(at);
    if (at >= sent && is_from_guest(at)) continue;
    memmove(bytes + keep, bytes + at, length);
    keep += length;
  }
  end = keep;
  pthread_mutex_unlock(&lock);
}

size_t outbox_bytes(void) {
  pthread_mutex_lock(&lock);
  size_t waiting = end - sent;
  pthread_mutex_unlock(&lock);
  return waiting;
}

// Sends what the stream takes now. @returns 0, or -errno if the stream is broken
int outbox_send(int fd) {
  int error = 0;
  pthread_mutex_lock(&lock);
  while (sent < end) {
    ssize_t written = write(fd, bytes + sent, end - sent);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      if (written < 0 && errno != EAGAIN) error = -errno;
      break;
    }
    sent += (size_t)written;
  }
  while (first < sent && first + frame_length(first) <= sent) first += frame_length(first);
  if (first == end) first = sent = end = 0;
  pthread_mutex_unlock(&lock);
  return error;
}
