// SPDX-License-Identifier: GPL-2.0-or-later
// What this object uses of the QEMU that it is loaded into: declarations of our own, no header of
// QEMU's. All are weak, so that the object loads into any program; start.c looks whether they are
// there. Seen to fit: QEMU 7.2, 10.0 and 11.1 as Debian builds them.
#ifndef VMBUS_SHIM_QEMU_H
#define VMBUS_SHIM_QEMU_H

#include <stdbool.h>
#include <stdint.h>

#define QEMU_API __attribute__((weak))

// A callback in a list that QEMU links.
struct qemu_notifier {
  void (*notify)(struct qemu_notifier*, void*);
  void* next;
  void** previous;
};

// Room for QEMU's EventNotifier, which is three ints and only ever passed back.
struct qemu_event {
  _Alignas(16) char opaque[64];
};

// Input of the hypercall HvCallPostMessage.
struct hv_post {
  uint32_t connection;
  uint32_t reserved;
  uint32_t type;
  uint32_t size;
  uint8_t payload[240];
};

// A slot of the SynIC's message page.
struct hv_message {
  uint32_t type;
  uint8_t size;
  uint8_t flags;
  uint8_t reserved[2];
  uint64_t sender;
  uint8_t payload[240];
};

// The machine and its main loop.
QEMU_API void qemu_add_machine_init_done_notifier(struct qemu_notifier*);
QEMU_API void qemu_register_reset(void (*)(void*), void*);
QEMU_API void qemu_system_reset_request(int cause);
QEMU_API void qemu_set_fd_handler(int, void (*)(void*), void (*)(void*), void*);
QEMU_API void* qemu_get_cpu(int index);
QEMU_API int event_notifier_init(struct qemu_event*, int active);
QEMU_API int event_notifier_get_fd(const struct qemu_event*);
QEMU_API void event_notifier_cleanup(struct qemu_event*);

// What QMP calls host-qmp-system-reset: the third cause of a shutdown or reset.
enum { QEMU_CAUSE_SYSTEM_RESET = 3 };

// Guest memory: the first up to QEMU 10, the others since.
QEMU_API void cpu_physical_memory_rw(uint64_t gpa, void*, uint64_t length, bool is_write);
QEMU_API void physical_memory_read(uint64_t gpa, void*, uint64_t length);
QEMU_API void physical_memory_write(uint64_t gpa, const void*, uint64_t length);

// Hyper-V's synthetic interrupt controller.
typedef uint16_t hv_message_handler(const struct hv_post*, void*);
QEMU_API int hyperv_set_msg_handler(uint32_t connection, hv_message_handler*, void*);
QEMU_API int hyperv_set_event_flag_handler(uint32_t connection, struct qemu_event*);
QEMU_API bool hyperv_is_synic_enabled(void);
QEMU_API void* hyperv_sint_route_new(uint32_t vp, uint32_t sint, void (*posted)(void*, int), void*);
QEMU_API void hyperv_sint_route_unref(void* route);
QEMU_API int hyperv_post_msg(void* route, struct hv_message*);
QEMU_API int hyperv_set_event_flag(void* route, unsigned flag);

#endif
