// SPDX-License-Identifier: MIT
// Command lines of the two machines. The guest is the one that sees Hyper-V; its QEMU needs KVM with Hyper-V
// enlightenments. Where this machine has no such KVM, an emulated outer machine with SVM provides it.
// Called by lab.ts and image-builder.ts. Facts: docs/system/i386/hyperv.rst of QEMU.
import path from 'node:path';

/** Where a character device of QEMU leads: a QEMU backend such as `socket,fd=4`, without its id. */
export type Backend = string;

/** Ports of the guest, each at /dev/virtio-ports/lab.NAME. */
export interface GuestPorts {
  /** In: the job. Out: what the command prints. */
  readonly out: Backend;
  /** Progress lines and the exit status. */
  readonly ctl: Backend;
  /** What the command wants to tell the lab, byte by byte. */
  readonly report: Backend;
  /** The monitor of the guest's own QEMU; `monitor` is its other end. */
  readonly qmp: Backend;
}

export interface GuestMachine {
  readonly kernel: string;
  readonly image: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly append: string;
  readonly ports: GuestPorts;
  readonly monitor: Backend;
  readonly console: Backend;
}

export interface OuterMachine {
  readonly kernel: string;
  readonly image: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly ports: Omit<GuestPorts, 'qmp'> & { readonly con: Backend };
  readonly monitor: Backend;
  readonly console: Backend;
}

// kvm=off hides KVM's own CPUID leaves, which Linux would prefer; vmbus-bridge needs vpindex and synic;
// stimer needs time; relaxed keeps a slow CPU from watchdog panics.
export const HYPERV_CPU = 'host,kvm=off,hv-relaxed,hv-vapic,hv-time,hv-vpindex,hv-synic,hv-runtime,hv-stimer';

// A panic must end QEMU at once (-no-reboot) rather than wait for a timeout.
const APPEND = 'console=ttyS0 loglevel=5 panic=-1 nokaslr mitigations=off';
// A busy machine delays the emulated clock so much that Linux stops trusting it; KVM then takes the inner guest's clock page
// away under it, and the guest hangs. The emulated counter is the same on all processors: nothing needs to be verified.
const OUTER_APPEND = `${APPEND} tsc=reliable`;
const BARE = ['-display', 'none', '-nodefaults', '-no-user-config', '-no-reboot', '-bios', 'qboot.rom'];

const serialPorts = (ports: Readonly<Record<string, Backend>>): string[] => [
  '-device',
  'virtio-serial-pci,max_ports=8',
  ...Object.entries(ports).flatMap(([name, backend]) => [
    '-chardev',
    `${backend},id=${name}`,
    '-device',
    `virtserialport,chardev=${name},name=lab.${name}`,
  ]),
];

const chardev = (name: string, backend: Backend): string[] => ['-chardev', `${backend},id=${name}`];

/** Arguments of the QEMU that is the Hyper-V host. */
export function guestArguments(machine: GuestMachine): string[] {
  return [
    '-M',
    'pc,hpet=off',
    '-accel',
    'kvm',
    '-cpu',
    HYPERV_CPU, // "pc" has less PCI to scan than "q35"
    '-smp',
    String(machine.cpus),
    '-m',
    `${machine.memoryMiB}M`,
    ...BARE,
    '-kernel',
    machine.kernel,
    '-initrd',
    machine.image,
    '-append',
    `${APPEND} ${machine.append}`.trim(),
    '-device',
    'vmbus-bridge',
    '-device',
    'hv-balloon,id=balloon,status-report=on',
    ...chardev('console', machine.console),
    '-serial',
    'chardev:console',
    ...chardev('monitor', machine.monitor),
    '-mon',
    'chardev=monitor,mode=control',
    ...serialPorts({ ...machine.ports }),
  ];
}

/** Arguments of the QEMU that emulates a machine with SVM. */
export function outerArguments(machine: OuterMachine): string[] {
  return [
    '-M',
    'q35,hpet=off',
    '-accel',
    'tcg,thread=multi,tb-size=512',
    '-cpu',
    'EPYC,+svm,-x2apic',
    '-smp',
    String(machine.cpus),
    '-m',
    `${machine.memoryMiB}M`,
    ...BARE,
    '-kernel',
    machine.kernel,
    '-initrd',
    machine.image,
    '-append',
    OUTER_APPEND,
    ...chardev('console', machine.console),
    '-serial',
    'chardev:console',
    ...chardev('monitor', machine.monitor),
    '-mon',
    'chardev=monitor,mode=control',
    ...serialPorts({ ...machine.ports }),
  ];
}

/** Runs a program of an unpacked tree with that tree's own loader and libraries; no chroot, no installation. */
export function inTree(tree: string, program: string): string[] {
  return [
    path.join(tree, 'usr/lib64/ld-linux-x86-64.so.2'),
    '--library-path',
    path.join(tree, 'usr/lib/x86_64-linux-gnu'),
    path.join(tree, 'usr/bin', program),
  ];
}

/** QEMU of an unpacked tree with the firmware it finds there. */
export function qemuInTree(tree: string): string[] {
  const firmware = ['qemu', 'seabios'].flatMap((name) => ['-L', path.join(tree, 'usr/share', name)]);
  return [...inTree(tree, 'qemu-system-x86_64'), ...firmware];
}
