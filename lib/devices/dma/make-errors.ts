// SPDX-License-Identifier: MIT
//
// Why memory for a host could not be made, and the command that helps.
// Called by: arena.ts.

import { errnoName, VmbusError, type VmbusErrorCode, type VmbusErrorDetails } from '../../errors.js';
import { DmaStage } from '../../native/dma-functions.js';

const hugePageBytes = 2 * 2 ** 20;

/** The error for a negative errno of `makeDma` and the stage it came from. */
export function makeError(bytes: number, errno: number, stage: number): VmbusError {
  const pages = bytes / hugePageBytes;
  const name = errnoName(errno);
  const details = { errno, errnoName: name, facts: { bytes, hugePages: pages } };
  const failed = (code: VmbusErrorCode, text: string, hint: string, more: VmbusErrorDetails = {}): VmbusError =>
    new VmbusError(code, text, { ...details, hint, ...more });
  switch (stage) {
    case DmaStage.make:
      return failed(
        'ERR_VMBUS_UNSUPPORTED',
        `this kernel has no huge pages of 2 MiB for a process (${name})`,
        'grep Huge /proc/meminfo; the kernel needs CONFIG_HUGETLBFS',
        { syscall: 'memfd_create' },
      );
    case DmaStage.populate:
      return failed(
        'ERR_VMBUS_SYSTEM',
        `there are not ${pages} free huge pages of 2 MiB for the data of requests (${name})`,
        `sysctl vm.nr_hugepages=${pages} (more where others use them); grep HugePages /proc/meminfo shows how many are free`,
        { syscall: 'mmap' },
      );
    case DmaStage.hidden:
      return failed(
        'ERR_VMBUS_PERMISSION',
        'the kernel hides the frame numbers of memory from this process: CAP_SYS_ADMIN is missing',
        'run it as root, or give it CAP_SYS_ADMIN (in a container: in the first user namespace)',
        { path: '/proc/self/pagemap' },
      );
    case DmaStage.pagemap:
      return failed(
        errno === 13 || errno === 1 ? 'ERR_VMBUS_PERMISSION' : 'ERR_VMBUS_SYSTEM',
        `the frame numbers of memory can't be read (${name})`,
        'run it as root; /proc must be mounted',
        { path: '/proc/self/pagemap' },
      );
    case DmaStage.moved:
      return failed(
        'ERR_VMBUS_SYSTEM',
        'the kernel moves huge pages while they are looked up, and does not let them be pinned',
        'sysctl kernel.io_uring_disabled=0 (or 1, as root), and set huge pages aside at boot: hugepages=N',
      );
    default:
      return failed('ERR_VMBUS_SYSTEM', `memory for the data of requests could not be made (${name})`, 'hv doctor');
  }
}
