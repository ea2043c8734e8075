// SPDX-License-Identifier: GPL-2.0-or-later
// What the files of this object share. It is loaded into a stock QEMU (LD_PRELOAD), takes the
// Hyper-V message connections away from QEMU's own VMBus, and forwards them to a process at the
// other end of a byte stream:
//
//   start.c    finds QEMU's functions and the stream's path, then waits for the machine
//   stream.c   the connection to the process: frames out, frames in, and what happens when it is
//   lost outbox.c   frames on their way to the process; the only part that virtual processors'
//   threads touch synic.c    messages and event signals of the guest, messages and event flags for
//   it command.c  executes one frame of the process
//
// A frame is little-endian: u32 payload length, u16 op, u16 0, u64 tag, payload. What
// test/vm/README.md says about it counts.
#ifndef VMBUS_SHIM_H
#define VMBUS_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame {
  uint32_t length;
  uint16_t op;
  uint16_t zero;
  uint64_t tag;
};

enum to_process { HELLO = 1, MSG = 2, EVENT = 3, DATA = 5, FAILED = 6, RESET = 7 };
enum from_process {
  POST = 0x81,
  FLAG = 0x82,
  READ = 0x83,
  WRITE = 0x84,
  LISTEN = 0x85,
  UNLISTEN = 0x86,
  RESET_MACHINE = 0x87,
};
enum { PROTOCOL_VERSION = 1 };

// The longest payload, and so the most that one READ brings.
#define PAYLOAD_MAX (8u << 20)
// Messages of the guest wait up to here; then its hypercall says "no buffers" and the guest tries
// again.
#define OUTBOX_MESSAGES (256u << 10)
// Beyond this no further frame of the process is executed until it has read.
#define OUTBOX_HIGH (1u << 20)

void say(const char* format, ...) __attribute__((format(printf, 1, 2)));

// outbox.c. Any thread may add; the main loop sends.
struct piece {
  const void* bytes;
  size_t length;
};
bool outbox_add(enum to_process op, uint64_t tag, struct piece a, struct piece b, size_t limit);
void outbox_add_first(enum to_process op, struct piece a);
bool outbox_has(enum to_process op, uint64_t tag);
void outbox_clear(void);
void outbox_forget_guest(void);
size_t outbox_bytes(void);
int outbox_send(int fd);

// stream.c. Main loop only, but for stream_kick, which has the main loop do stream_turn.
void stream_start(const char* path);
void stream_kick(void);
void stream_turn(void);
void stream_answer_error(uint64_t tag, int error);
void stream_reset_machine(void);
void stream_machine_was_reset(void);

// synic.c. Main loop only, but for the guest's messages, which come on its processors' threads.
void synic_start(void);
void synic_pump(void);
bool synic_is_posting(void);
int synic_post(uint64_t tag, uint32_t vp, uint32_t sint, uint32_t type, const uint8_t* payload,
               uint32_t length);
int synic_flag(uint32_t vp, uint32_t sint, uint32_t flag);
int synic_listen(uint32_t connection);
int synic_unlisten(uint32_t connection);
uint32_t count_processors(void);

// command.c. Main loop only.
void execute(const struct frame* frame, const uint8_t* payload);

#endif
