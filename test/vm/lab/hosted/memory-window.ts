// SPDX-License-Identifier: MIT
// A memory-mapped window for the guest's bus, as Hyper-V's firmware describes one and QEMU's does not: the end of the machine's
// memory, which the kernel is told to leave alone. So what drivers put there lies in memory that the host can read.
// Called by hosted-command.ts. Formats: ACPI 6.5, chapter 20 (AML) and 6.4.3.5.1 (QWord address space descriptor).

const MEBIBYTE = 1 << 20;
/** Linux gives what lies between the end of its memory and the next multiple of this to nobody ("RAM buffer"). */
const GRANULARITY_MIB = 64;

/**
 * Kernel parameters of a machine whose memory ends with such a window.
 * @throws RangeError when drivers could not have all of the window
 */
export function windowParameters(memoryMiB: number, windowMiB: number): string {
  const below = memoryMiB - windowMiB;
  if (below <= 0 || below % GRANULARITY_MIB !== 0)
    throw new RangeError(
      `a window of ${windowMiB} MiB must begin at a multiple of ${GRANULARITY_MIB} MiB, not at ${below}`,
    );
  return `mem=${below}M`;
}

/**
 * The body of an ACPI table that gives `\_SB`, above the bus's own device, a window as its resource. hv_vmbus looks for one
 * there, since on Hyper-V the device above its own has it.
 */
export function windowTable(memoryMiB: number, windowMiB: number): Buffer {
  const descriptor = Buffer.alloc(46);
  descriptor.writeUInt8(0x8a, 0);
  descriptor.writeUInt16LE(descriptor.length - 3, 1);
  descriptor.writeUInt8(0, 3); // memory
  descriptor.writeUInt8(0b1100, 4); // passed on to devices below; both ends fixed
  descriptor.writeUInt8(1, 5); // writable
  const start = BigInt((memoryMiB - windowMiB) * MEBIBYTE);
  const bytes = BigInt(windowMiB * MEBIBYTE);
  // Granularity, minimum, maximum, translation, length.
  for (const [index, value] of [0n, start, start + bytes - 1n, 0n, bytes].entries())
    descriptor.writeBigUInt64LE(value, 6 + 8 * index);
  const resources = Buffer.concat([descriptor, Buffer.from([0x79, 0])]);
  const buffer = aml(0x11, Buffer.from([0x0a, resources.length]), resources);
  return aml(0x10, Buffer.from('\\_SB_'), Buffer.from([0x08]), Buffer.from('_CRS'), buffer);
}

/** An object with a length, which counts itself; one byte is enough for up to 63, two for more. */
function aml(op: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length + 1;
  const size = length < 0x40 ? [length] : [0x40 | ((length + 1) & 0xf), (length + 1) >> 4];
  return Buffer.concat([Buffer.from([op, ...size]), body]);
}
