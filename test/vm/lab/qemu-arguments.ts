// SPDX-License-Identifier: MIT
// Command lines of the two machines. The guest is the one that sees Hyper-V; its QEMU needs KVM with Hyper-V
// enlightenments. Where this machine has no such KVM, an emulated outer machine with SVM provides it.
// Called by machine.ts and hosted/. Facts: docs/system/i386/hyperv.rst of QEMU.
import path from 'node:path';

/** Where a character device of QEMU leads: a QEMU backend such as `socket,fd=4`, without its id. */
export type Backend = string;

/** What both machines have. */
export interface MachineParts {
  readonly kernel: string;
  readonly image: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** More kernel parameters. */
  readonly append?: string;
  /** Virtio-serial ports, each at /dev/virtio-ports/lab.NAME inside. */
  readonly ports: Readonly<Record<string, Backend>>;
  readonly console: Backend;
  readonly monitor?: Backend;
}

export interface GuestMachine extends MachineParts {
  /** Whose devices are on its VMBus: QEMU's balloon, or what a process of ours offers. */
  readonly host: 'balloon' | 'ours';
  /** A file that is its memory, all of it. */
  readonly memoryFile?: string;
  /** It may restart; if not, that ends QEMU. */
  readonly restarts?: boolean;
  /** False: it cannot be hibernated, as most machines on Hyper-V. hv_balloon refuses to work on one that can. */
  readonly hibernates?: boolean;
  /** A file with the body of one more ACPI table. */
  readonly acpiTable?: string;
  /** Its firmware says what Hyper-V's says. systemd looks there for QEMU's name before it asks the processor. */
  readonly hypervFirmware?: boolean;
}

export interface OuterMachine extends Omit<MachineParts, 'append'> {
  /** A file of this size that the machine sees as a PCI device's memory. */
  readonly shared?: { readonly file: string; readonly mebibytes: number };
}

// kvm=off hides KVM's own CPUID leaves, which Linux would prefer; vmbus-bridge needs vpindex and synic;
// stimer needs time; relaxed keeps a slow CPU from watchdog panics.
export const HYPERV_CPU = 'host,kvm=off,hv-relaxed,hv-vapic,hv-time,hv-vpindex,hv-synic,hv-runtime,hv-stimer';

const HYPERV_FIRMWARE = [
  ...['-smbios', 'type=0,vendor=American Megatrends Inc.'],
  ...['-smbios', 'type=1,manufacturer=Microsoft Corporation,product=Virtual Machine'],
];

// A panic must end QEMU at once (-no-reboot) rather than wait for a timeout.
const APPEND = 'console=ttyS0 loglevel=5 panic=-1 nokaslr mitigations=off';
// A busy machine delays the emulated clock so much that Linux stops trusting it; KVM then takes the inner guest's clock page
// away under it, and the guest hangs. The emulated counter is the same on all processors: nothing needs to be verified.
const OUTER_APPEND = 'tsc=reliable';

const chardev = (name: string, backend: Backend): string[] => ['-chardev', `${backend},id=${name}`];

const serialPorts = (ports: Readonly<Record<string, Backend>>): string[] => [
  '-device',
  'virtio-serial-pci,max_ports=8',
  ...Object.entries(ports).flatMap(([name, backend]) => [
    ...chardev(name, backend),
    '-device',
    `virtserialport,id=port-${name},chardev=${name},name=lab.${name}`,
  ]),
];

/** Arguments of any machine of the lab; `board`, `accelerator` and `cpu` are values of -M, -accel and -cpu. */
function machineArguments(parts: MachineParts, board: string, accelerator: string, cpu: string): string[] {
  const { kernel, image, cpus, memoryMiB, append = '', ports, console, monitor } = parts;
  return [
    ...['-M', board, '-accel', accelerator, '-cpu', cpu, '-smp', String(cpus), '-m', `${memoryMiB}M`],
    ...['-display', 'none', '-nodefaults', '-no-user-config', '-bios', 'qboot.rom'],
    ...['-kernel', kernel, '-initrd', image, '-append', `${APPEND} ${append}`.trim()],
    ...chardev('console', console),
    ...['-serial', 'chardev:console'],
    ...(monitor === undefined ? [] : [...chardev('monitor', monitor), '-mon', 'chardev=monitor,mode=control']),
    ...serialPorts(ports),
  ];
}

/** Arguments of the QEMU that is the Hyper-V host, or lets a process of ours be it. */
export function guestArguments(machine: GuestMachine): string[] {
  const {
    host,
    memoryFile,
    memoryMiB,
    restarts = false,
    hibernates = true,
    acpiTable,
    hypervFirmware = false,
  } = machine;
  const memory = `memory-backend-file,id=ram,share=on,mem-path=${memoryFile},size=${memoryMiB}M`;
  const board = `pc,hpet=off${memoryFile === undefined ? '' : ',memory-backend=ram'}`; // less PCI to scan than "q35"
  return [
    ...(memoryFile === undefined ? [] : ['-object', memory]),
    ...machineArguments(machine, board, 'kvm', HYPERV_CPU),
    ...['-device', 'vmbus-bridge'],
    ...(host === 'balloon' ? ['-device', 'hv-balloon,id=balloon,status-report=on'] : []),
    ...(restarts ? [] : ['-no-reboot']),
    ...(hibernates ? [] : ['-global', 'PIIX4_PM.disable_s4=1']),
    ...(acpiTable === undefined ? [] : ['-acpitable', `sig=SSDT,rev=2,data=${acpiTable}`]),
    ...(hypervFirmware ? HYPERV_FIRMWARE : []),
  ];
}

/** Arguments of the QEMU that emulates a machine with SVM. */
export function outerArguments(machine: OuterMachine): string[] {
  const { shared } = machine;
  return [
    ...machineArguments(
      { ...machine, append: OUTER_APPEND },
      'q35,hpet=off',
      'tcg,thread=multi,tb-size=512',
      'EPYC,+svm,-x2apic',
    ),
    '-no-reboot',
    ...(shared === undefined ? [] : sharedMemory(shared.file, shared.mebibytes)),
  ];
}

/** Where the outer machine finds its shared memory: a device's place on its first PCI bus. */
const SHARED_SLOT = '10';
export const SHARED_MEMORY_FILE = `/sys/bus/pci/devices/0000:00:${SHARED_SLOT}.0/resource2`;

// "master" makes it part of a snapshot.
const sharedMemory = (file: string, mebibytes: number): string[] => [
  '-object',
  `memory-backend-file,id=shared,share=on,mem-path=${file},size=${mebibytes}M`,
  '-device',
  `ivshmem-plain,memdev=shared,master=on,addr=0x${SHARED_SLOT}`,
];

/**
 * Runs a program of an unpacked tree with that tree's own loader and libraries; no chroot, no installation.
 * @param program below /usr, such as `bin/qemu-img`
 * @param preload a shared object that is loaded before all others
 */
export function inTree(tree: string, program: string, preload?: string): string[] {
  return [
    path.join(tree, 'usr/lib64/ld-linux-x86-64.so.2'),
    ...(preload === undefined ? [] : ['--preload', preload]),
    '--library-path',
    path.join(tree, 'usr/lib/x86_64-linux-gnu'),
    path.join(tree, 'usr', program),
  ];
}

/** QEMU of an unpacked tree with the firmware it finds there. */
export function qemuInTree(tree: string, preload?: string): string[] {
  const firmware = ['qemu', 'seabios'].flatMap((name) => ['-L', path.join(tree, 'usr/share', name)]);
  return [...inTree(tree, 'bin/qemu-system-x86_64', preload), ...firmware];
}
