// SPDX-License-Identifier: GPL-2.0-or-later
// Mends what loading floating-point state does in the QEMU that emulates the outer machine;
// preloaded into it.
//
// Whenever a processor loads such state (XRSTOR, at each switch of tasks), QEMU lowers a signal
// that only machines with a separate coprocessor had, IGNNE: cpu_clear_ignne in
// target/i386/tcg/system/fpu_helper.c clears a bit among the flags of the FIRST processor, in steps
// of reading and writing back, from the thread of whichever processor it is. What the first one
// changes there meanwhile is undone: that VMRUN has switched nested paging on, or the exit off. The
// guest then reads its tables from wrong memory and ends in a triple fault without a word, or the
// outer kernel is taken for the guest.
//
// Nothing raises that signal in our machines (it takes a write to port 0xf0), so there is nothing
// to lower. The function is made to return at once; it is called within QEMU, where preloading a
// function of that name would not be noticed.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((weak)) void cpu_clear_ignne(void);

// endbr64; ret
static const uint8_t nothing[] = {0xf3, 0x0f, 0x1e, 0xfa, 0xc3};

__attribute__((constructor)) static void mend(void) {
  const uintptr_t start = (uintptr_t)cpu_clear_ignne;
  const uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t page = start & ~(page_bytes - 1);
  const size_t bytes = start + sizeof(nothing) - page;
  if (start == 0 || mprotect((void*)page, bytes, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
    fputs("ignne: this QEMU is not known here; its guests may be reset without a reason\n", stderr);
    return;
  }
  memcpy((void*)start, nothing, sizeof(nothing));
  mprotect((void*)page, bytes, PROT_READ | PROT_EXEC);
}
