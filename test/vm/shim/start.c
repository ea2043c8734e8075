// SPDX-License-Identifier: GPL-2.0-or-later
// Where it begins: $HVBUS names the stream, a unix socket to connect to or a character device such
// as a virtio-serial port.
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu.h"
#include "shim.h"

// One write each: the lab reads these lines, and other threads print too.
void say(const char* format, ...) {
  char line[256] = "hvbus: ";
  size_t start = strlen(line);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + start, sizeof(line) - start - 1, format, arguments);
  va_end(arguments);
  strcat(line, "\n");
  fputs(line, stderr);
}

static void on_machine_ready(struct qemu_notifier* notifier, void* data) {
  (void)notifier, (void)data;
  synic_start();
  stream_start(getenv("HVBUS"));
}

static bool is_qemu(void) {
  return qemu_add_machine_init_done_notifier && qemu_register_reset && qemu_set_fd_handler &&
         qemu_system_reset_request && qemu_get_cpu && hyperv_post_msg &&
         (cpu_physical_memory_rw || (physical_memory_read && physical_memory_write));
}

// Runs before QEMU's own constructors, so it only leaves a callback behind.
static void __attribute__((constructor)) start(void) {
  static struct qemu_notifier ready = {.notify = on_machine_ready};
  if (!getenv("HVBUS")) return;
  if (!is_qemu()) {
    // A shell or a wrapper on the way to QEMU, which gets its turn; or a QEMU built without modules
    // and plugins.
    if (!strstr(program_invocation_short_name, "qemu-system")) return;
    say("this QEMU does not export the functions that are needed");
    exit(1);
  }
  unsetenv("LD_PRELOAD");
  qemu_add_machine_init_done_notifier(&ready);
}
