// SPDX-License-Identifier: MIT
//
// Plays the kernel's part of a bus tree: the control files of its drivers as sockets, which move devices between drivers.
// What it answers and changes is what Linux 6.12 does (drivers/base/bus.c, drivers/hv/vmbus_drv.c), cut to what binding asks.

import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { acpi, type BusTree } from './bus-tree.js';

const { EBUSY, EEXIST, ENODEV } = constants.errno;

export class FakeKernel implements AsyncDisposable {
  /** Every write, as "FILE DRIVER TEXT", in order. */
  readonly writes: string[] = [];
  /** Errnos to answer with instead of doing it, by "FILE DRIVER"; taken one by one. */
  readonly refusals = new Map<string, number[]>();
  /** Told when a device got a driver, and (with null) just before it loses one: for what a driver makes of it. */
  onMove: (id: string, driver: string | null) => void = () => {};
  readonly #tree: BusTree;
  readonly #servers: Server[] = [];
  readonly #drivers: string[] = [];
  readonly #natives = new Map<string, string>();
  readonly #dynamic = new Set<string>();
  #onWrite: () => void = () => {};

  constructor(tree: BusTree) {
    this.#tree = tree;
  }

  /** Serves a driver that accepts a class (none for uio_hv_generic). */
  async serve(driver: string, classGuid?: string): Promise<void> {
    this.#tree.driver(driver);
    this.#drivers.push(driver);
    if (classGuid !== undefined) this.#natives.set(driver, classGuid);
    for (const file of ['bind', 'unbind', 'new_id', 'remove_id']) await this.#listen(driver, file);
  }

  /** Resolves when the condition holds; looked at after each write. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition())
      await new Promise<void>((resolve) => {
        this.#onWrite = resolve;
      });
  }

  /** What the kernel does with a device that the host has just offered: of the drivers that accept it, the first loaded gets it. */
  probe(id: string): void {
    this.#drivers.some((driver) => this.#bind(driver, id) === 0);
  }

  /** An id that somebody added before. */
  addId(driver: string, classGuid: string): void {
    this.#dynamic.add(`${driver} ${classGuid}`);
  }

  driverOf(id: string): string | null {
    try {
      return basename(readlinkSync(this.#tree.path(`${acpi}/${id}/driver`)));
    } catch {
      return null;
    }
  }

  overrideOf(id: string): string {
    return readFileSync(this.#tree.path(`${acpi}/${id}/driver_override`), 'utf8').trim();
  }

  async #listen(driver: string, file: string): Promise<void> {
    const path = this.#tree.path(`sys/bus/vmbus/drivers/${driver}/${file}`);
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('end', () => {
        this.writes.push(`${file} ${driver} ${text.trim()}`);
        const refusal = this.refusals.get(`${file} ${driver}`)?.shift();
        socket.end(String(refusal ?? this.#write(driver, file, text.trim())));
        this.#onWrite();
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    this.#servers.push(server);
  }

  #write(driver: string, file: string, text: string): number {
    switch (file) {
      case 'bind':
        return this.#bind(driver, text);
      case 'unbind':
        return this.#unbind(driver, text);
      case 'new_id':
        return this.#newId(driver, text);
      default:
        return this.#dynamic.delete(`${driver} ${text}`) ? 0 : ENODEV;
    }
  }

  #bind(driver: string, id: string): number {
    if (!this.#tree.exists(`${acpi}/${id}`) || !this.#matches(driver, id)) return ENODEV;
    if (this.driverOf(id) !== null) return EBUSY;
    this.#tree.bind(id, driver);
    if (driver === 'uio_hv_generic') this.#tree.uio(id);
    this.onMove(id, driver);
    return 0;
  }

  #unbind(driver: string, id: string): number {
    if (this.driverOf(id) !== driver) return ENODEV;
    this.onMove(id, null);
    this.#tree.unbind(id);
    this.#tree.remove(`${acpi}/${id}/uio`);
    if (driver === 'uio_hv_generic') rmSync(this.#tree.path('dev/uio0'), { force: true });
    return 0;
  }

  #newId(driver: string, classGuid: string): number {
    if (this.#dynamic.has(`${driver} ${classGuid}`)) return EEXIST;
    this.#dynamic.add(`${driver} ${classGuid}`);
    for (const id of readdirSync(this.#tree.path('sys/bus/vmbus/devices'))) this.#bind(driver, id);
    return 0;
  }

  #matches(driver: string, id: string): boolean {
    const classGuid = readFileSync(this.#tree.path(`${acpi}/${id}/class_id`), 'utf8')
      .trim()
      .slice(1, -1);
    const override = this.#tree.exists(`${acpi}/${id}/driver_override`) ? this.overrideOf(id) : '';
    if (override !== '' && override !== '(null)') return override === driver;
    return this.#natives.get(driver) === classGuid || this.#dynamic.has(`${driver} ${classGuid}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
