// SPDX-License-Identifier: GPL-2.0-or-later
// Executes one frame of the process. What is wrong with it is answered with its tag; what went well
// is not answered, but for READ, which brings its bytes.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qemu.h"
#include "shim.h"

static uint32_t word(const uint8_t* payload, int index) {
  uint32_t value;
  memcpy(&value, payload + 4 * index, sizeof(value));
  return value;
}

static uint64_t long_word(const uint8_t* payload) {
  uint64_t value;
  memcpy(&value, payload, sizeof(value));
  return value;
}

static void read_memory(uint64_t gpa, void* to, uint64_t length) {
  if (cpu_physical_memory_rw) {
    cpu_physical_memory_rw(gpa, to, length, false);
  } else {
    physical_memory_read(gpa, to, length);
  }
}

static void write_memory(uint64_t gpa, const uint8_t* from, uint64_t length) {
  if (cpu_physical_memory_rw) {
    cpu_physical_memory_rw(gpa, (void*)from, length, true);
  } else {
    physical_memory_write(gpa, from, length);
  }
}

// Pieces of {u64 gpa, u32 length, u32 0}; their bytes come back in one frame.
static int execute_read(const struct frame* frame, const uint8_t* payload) {
  enum { PIECE = 16 };
  uint64_t total = 0;
  if (frame->length % PIECE) return -EINVAL;
  for (uint32_t at = 0; at < frame->length; at += PIECE) total += word(payload + at, 2);
  if (total > PAYLOAD_MAX) return -EMSGSIZE;
  uint8_t* bytes = malloc(total + 1);
  if (!bytes) return -ENOMEM;
  uint8_t* to = bytes;
  for (uint32_t at = 0; at < frame->length; at += PIECE) {
    uint32_t length = word(payload + at, 2);
    read_memory(long_word(payload + at), to, length);
    to += length;
  }
  bool added =
      outbox_add(DATA, frame->tag, (struct piece){bytes, total}, (struct piece){0}, SIZE_MAX);
  free(bytes);
  return added ? 0 : -ENOMEM;
}

// The process stores data, then an index, then sets a flag: the guest must see them in that order.
static int execute_write(const struct frame* frame, const uint8_t* payload) {
  if (frame->length < 8) return -EINVAL;
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  write_memory(long_word(payload), payload + 8, frame->length - 8);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return 0;
}

static int dispatch(const struct frame* frame, const uint8_t* payload) {
  uint32_t length = frame->length;
  switch (frame->op) {
    case POST:
      if (length < 12) return -EINVAL;
      return synic_post(frame->tag, word(payload, 0), word(payload, 1), word(payload, 2),
                        payload + 12, length - 12);
    case FLAG:
      return length == 12 ? synic_flag(word(payload, 0), word(payload, 1), word(payload, 2))
                          : -EINVAL;
    case READ:
      return execute_read(frame, payload);
    case WRITE:
      return execute_write(frame, payload);
    case LISTEN:
      return length == 4 ? synic_listen(word(payload, 0)) : -EINVAL;
    case UNLISTEN:
      return length == 4 ? synic_unlisten(word(payload, 0)) : -EINVAL;
    case RESET_MACHINE:
      stream_reset_machine();
      return 0;
    default:
      return -ENOSYS;
  }
}

void execute(const struct frame* frame, const uint8_t* payload) {
  int result = dispatch(frame, payload);
  if (result < 0) stream_answer_error(frame->tag, result);
}
