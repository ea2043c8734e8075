// SPDX-License-Identifier: MIT
//
// A guest of a storage device without a ring: comes to terms with it as Linux does, and runs SCSI commands with data in its
// memory. Answers may come in any order; each is waited for by its transaction id.

import type { Disk, Provider } from '../../../dist/host/index.js';
import { encodeGpaRanges } from '../../../dist/protocol/gpa-direct.js';
import { encodeCdb } from '../../../dist/protocol/scsi/cdb-encode.js';
import type { ScsiCommand } from '../../../dist/protocol/scsi/commands.js';
import { decodeSense } from '../../../dist/protocol/scsi/sense.js';
import {
  decodeProperties,
  decodeSrbReply,
  decodeVstorReply,
  encodeVstorRequest,
  type StorageProperties,
  type VstorReply,
  type VstorRequest,
} from '../../../dist/protocol/storvsc.js';
import { type GuestPacket, ScriptedChannel, type SentPacket } from './scripted-channel.js';
import { ScriptedMemory } from './scripted-memory.js';

const pageBytes = 4096;

/** A SCSI command and where it goes; path, target and LUN are 0 unless said. */
export interface GuestCommand {
  readonly command?: ScsiCommand;
  /** Instead of a command. */
  readonly cdb?: Uint8Array;
  readonly path?: number;
  readonly target?: number;
  readonly lun?: number;
  /** Data for the device. */
  readonly out?: Uint8Array;
  /** Room for data from the device. */
  readonly in?: number;
  /** Where the data are in the guest's memory. Default: an address of its own that is no multiple of a page. */
  readonly address?: number;
  readonly direction?: number;
  readonly flags?: number;
}

/** How it ended. */
export interface CommandEnd {
  readonly srbStatus: number;
  readonly scsiStatus: number;
  readonly ntStatus: number;
  readonly bytes: number;
  /** `key/asc/ascq` in hexadecimal digits; empty without sense. */
  readonly sense: string;
  /** Data from the device, as many as it says. */
  readonly data: Uint8Array;
}

/** A guest on one channel of a storage device. */
export class StorageGuest {
  readonly channel: ScriptedChannel;
  readonly memory: ScriptedMemory;
  /** What the host said unasked, in order. */
  readonly unasked: SentPacket[] = [];
  readonly #answers = new Map<bigint, SentPacket>();
  #lastId = 0n;
  #nextAddress = pageBytes + 512;

  constructor(provider: Provider, options: { subchannelIndex?: number; memory?: ScriptedMemory } = {}) {
    this.memory = options.memory ?? new ScriptedMemory(4 * 2 ** 20);
    this.channel = ScriptedChannel.open(provider, { ...options, memory: this.memory });
  }

  /** A guest that has come to terms with the device. */
  static async ready(provider: Provider): Promise<StorageGuest> {
    const guest = new StorageGuest(provider);
    await guest.initialise();
    return guest;
  }

  /** What Linux says when it finds the device. */
  async initialise(version = 0x0602): Promise<StorageProperties> {
    await this.ask({ kind: 'beginInitialization' });
    const agreed = await this.ask({ kind: 'queryVersion', version });
    if (agreed.status !== 0) throw new Error(`version ${version} was refused`);
    const properties = decodeProperties((await this.ask({ kind: 'queryProperties' })).body);
    await this.ask({ kind: 'endInitialization' });
    return properties;
  }

  /** Says a request, and resolves with the answer. */
  async ask(request: VstorRequest, bytes = 64): Promise<VstorReply> {
    return decodeVstorReply((await this.answerTo(this.say({ payload: encodeVstorRequest(request, bytes) }))).payload);
  }

  /** Says a packet that wants a completion. @returns its transaction id */
  say(packet: GuestPacket): bigint {
    this.#lastId += 1n;
    this.channel.say({ type: 6, flags: 1, transactionId: this.#lastId, ...packet });
    return this.#lastId;
  }

  /** The completion of a packet. @throws what the channel failed with */
  async answerTo(id: bigint): Promise<SentPacket> {
    for (;;) {
      for (const packet of this.channel.take())
        if (packet.transactionId === 0n) this.unasked.push(packet);
        else this.#answers.set(packet.transactionId, packet);
      const answer = this.#answers.get(id);
      this.#answers.delete(id);
      if (answer) return answer;
      if (!this.channel.isOpen) throw this.channel.failure ?? new Error('the channel is closed');
      await this.channel.changed();
    }
  }

  /** The packet of a SCSI command. Data for the device are put into memory. */
  packetOf(given: GuestCommand): { readonly packet: GuestPacket; readonly address: number; readonly bytes: number } {
    const { path = 0, target = 0, lun = 0, out, flags = 0x14a } = given;
    const cdb = given.cdb ?? (given.command ? encodeCdb(given.command) : new Uint8Array(6));
    const transferBytes = out?.length ?? given.in ?? 0;
    const direction = given.direction ?? (out ? 0 : transferBytes > 0 ? 1 : 2);
    const srb = { path, target, lun, cdb, cdbLength: cdb.length, direction, transferBytes, flags, timeoutSeconds: 60 };
    const payload = encodeVstorRequest({ kind: 'executeSrb', srb });
    if (transferBytes === 0) return { packet: { payload }, address: 0, bytes: 0 };
    const address = given.address ?? this.#room(transferBytes);
    if (out && given.address === undefined) this.memory.bytes.set(out, address);
    const header = encodeGpaRanges([rangeOf(address, transferBytes)]);
    return { packet: { type: 9, header, payload }, address, bytes: transferBytes };
  }

  /** Runs a SCSI command. */
  async run(given: GuestCommand | ScsiCommand): Promise<CommandEnd> {
    const whole = 'kind' in given ? { command: given, in: roomFor(given) } : given;
    const { packet, address } = this.packetOf(whole);
    const reply = decodeVstorReply((await this.answerTo(this.say(packet))).payload);
    const { srbStatus, scsiStatus, transferBytes, sense } = decodeSrbReply(reply.body);
    const said = sense && decodeSense(sense);
    return {
      srbStatus,
      scsiStatus,
      ntStatus: reply.status,
      bytes: transferBytes,
      sense: said ? [said.key, said.asc, said.ascq].map((code) => code.toString(16)).join('/') : '',
      data: this.memory.bytes.slice(address, address + (whole.out ? 0 : transferBytes)),
    };
  }

  async read(
    lba: number | bigint,
    blocks: number,
    options: GuestCommand & { blockBytes?: number } = {},
  ): Promise<CommandEnd> {
    const command = { kind: 'read', form: 16, lba: BigInt(lba), blocks, forceUnitAccess: false } as const;
    return await this.run({ command, in: blocks * (options.blockBytes ?? 512), ...options });
  }

  async write(
    lba: number | bigint,
    out: Uint8Array,
    options: GuestCommand & { blockBytes?: number } = {},
  ): Promise<CommandEnd> {
    const blocks = out.length / (options.blockBytes ?? 512);
    const command = { kind: 'write', form: 16, lba: BigInt(lba), blocks, forceUnitAccess: false } as const;
    return await this.run({ command, out, ...options });
  }

  /** A place of its own, not at the beginning of a page; places are used again when memory ends. */
  #room(bytes: number): number {
    const whole = (Math.ceil(bytes / pageBytes) + 1) * pageBytes;
    if (this.#nextAddress + whole > this.memory.bytes.length) this.#nextAddress = pageBytes + 512;
    const address = this.#nextAddress;
    this.#nextAddress += whole;
    return address;
  }
}

/** A disk that does some things in another way. */
export function diskAround(disk: Disk, other: Partial<Disk>): Disk {
  const { sizeBytes, blockBytes, readonly } = disk;
  return {
    sizeBytes,
    blockBytes,
    readonly,
    read: (offset, length) => disk.read(offset, length),
    write: (offset, bytes) => disk.write(offset, bytes),
    flush: () => disk.flush(),
    unmap: (offset, length) => disk.unmap(offset, length),
    ...other,
  };
}

/** A range of pages from an address on. */
export function rangeOf(
  address: number,
  byteCount: number,
): { byteCount: number; byteOffset: number; pages: number[] } {
  const first = Math.floor(address / pageBytes);
  const byteOffset = address % pageBytes;
  const pages = Array.from({ length: Math.ceil((byteOffset + byteCount) / pageBytes) }, (_, i) => first + i);
  return { byteCount, byteOffset, pages };
}

function roomFor(command: ScsiCommand): number {
  return 'allocationBytes' in command ? command.allocationBytes : 0;
}
