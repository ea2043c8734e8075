// SPDX-License-Identifier: GPL-2.0-or-later
// Mends VMRUN of the QEMU that emulates the outer machine; preloaded into it.
//
// Where VMRUN brings the guest an interrupt, QEMU delivers that, and leaves its vector behind as the
// exception that is still to be delivered (helper_vmrun in target/i386/tcg/system/svm_helper.c).
// Nobody looks at that unless another thread asks the processor to pause before the guest's next
// exit. Then the guest gets the interrupt once more, as an exception: even where it allows no
// interrupts. It hangs at a lock that it holds itself, or its stack overflows, or the outer kernel
// dies in its place.
//
// All names are QEMU's own, declared here as they are used; no header of QEMU's. Seen to fit:
// QEMU 10.0 as Debian builds it.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define QEMU_API __attribute__((weak))

typedef void vmrun_helper(void* processor_state, int address_size, int instruction_bytes);

// The head of what translated code knows of a helper.
struct helper_info {
  vmrun_helper* function;
};

QEMU_API extern vmrun_helper helper_vmrun;
QEMU_API extern struct helper_info helper_info_vmrun;
QEMU_API extern __thread char* current_cpu;
QEMU_API void cpu_loop_exit_noexc(void* processor);

enum { NO_EXCEPTION = -1 };
static int32_t exception_index_offset;

// Comes back only where the guest runs on; what ends it at once leaves by a long jump.
static void mended_vmrun(void* processor_state, int address_size, int instruction_bytes) {
  helper_vmrun(processor_state, address_size, instruction_bytes);
  int32_t none = NO_EXCEPTION;
  memcpy(current_cpu + exception_index_offset, &none, sizeof(none));
}

// Where a processor keeps it, as the function has it that sets it to none: movl $-1, offset(%rdi).
static int32_t find_exception_index(void) {
  enum { LOOK_AT = 48 };
  static const uint8_t before[] = {0xc7, 0x87};
  static const uint8_t after[] = {0xff, 0xff, 0xff, 0xff};
  const uint8_t* code = (const uint8_t*)(uintptr_t)cpu_loop_exit_noexc;
  for (const uint8_t* at = code; at < code + LOOK_AT; at++) {
    int32_t offset;
    if (memcmp(at, before, sizeof(before)) != 0) continue;
    if (memcmp(at + sizeof(before) + sizeof(offset), after, sizeof(after)) != 0) continue;
    memcpy(&offset, at + sizeof(before), sizeof(offset));
    return offset;
  }
  return 0;
}

__attribute__((constructor)) static void mend(void) {
  if (helper_vmrun && &helper_info_vmrun && helper_info_vmrun.function == helper_vmrun &&
      cpu_loop_exit_noexc)
    exception_index_offset = find_exception_index();
  if (exception_index_offset > 0) {
    helper_info_vmrun.function = mended_vmrun;
  } else {
    fputs("vmrun: this QEMU is not known here; its guests may get an interrupt twice\n", stderr);
  }
}
