// SPDX-License-Identifier: MIT
//
// The simulated host inside its own process: made of names, obeys commands, tells events, records.
// Called by: process-main.ts. Calls: simulated-host.ts, device-book.ts, event-log.ts, recording/recorder.ts.

import { checkText } from '../check.js';
import { DeviceBook } from './device-book.js';
import type { EventLog } from './event-log.js';
import { plain, plainError } from './plain.js';
import type { ListedDevice, ProcessDevice, ProcessOptions, ProcessRequest } from './process-protocol.js';
import type { NamedDevice } from './providers/by-name.js';
import { Recorder } from './recording/recorder.js';
import { SimulatedHost } from './simulated-host.js';
import { tellTroubleAnyway } from './trouble.js';
import type { HostEvent, HostedDevice, HostTrouble } from './types.js';

/** A host, and what its process knows of it. */
export class ProcessHost {
  readonly #host: SimulatedHost;
  readonly #recorder: Recorder | null;
  readonly #log: EventLog;
  readonly #book = new DeviceBook();
  #stop: () => void = () => undefined;

  private constructor(host: SimulatedHost, recorder: Recorder | null, log: EventLog) {
    this.#host = host;
    this.#recorder = recorder;
    this.#log = log;
  }

  /** Starts a host. @throws TypeError, RangeError, VmbusError */
  static async start({ devices, record, ...others }: ProcessOptions, log: EventLog): Promise<ProcessHost> {
    checkText(record, 'options.record');
    const onTrouble = (trouble: HostTrouble): void => tellTrouble(trouble, log);
    const host = new SimulatedHost({ ...others, devices: [], onTrouble });
    let recorder: Recorder | null = null;
    try {
      recorder = record === undefined ? null : await Recorder.open(record);
      const made = new ProcessHost(await host.start(), recorder, log);
      for (const device of devices) made.#add(device);
      made.#listen();
      return made;
    } catch (error) {
      await host.close();
      await recorder?.discard();
      throw error;
    }
  }

  get root(): string {
    return this.#host.root;
  }

  get devices(): readonly ProcessDevice[] {
    return this.#host.devices.map(named);
  }

  /** Does what the parent wants. @throws as the methods of `HostProcess` */
  async obey(request: ProcessRequest): Promise<unknown> {
    switch (request.verb) {
      case 'rescind':
        return this.#host.rescind(request.device);
      case 'vanish':
        return this.#host.vanishNode(request.device);
      case 'refresh':
        return this.#host.refresh();
      case 'add':
        return named(this.#add(request.device));
      case 'list':
        return this.#list();
      case 'listen':
        return this.#log.listen(request.on);
      case 'call':
        return plain(await this.#book.call(this.#host.device(request.device), request.name, request.args));
      default:
        return request satisfies never;
    }
  }

  /** Ends the host. @throws VmbusError ERR_VMBUS_SYSTEM when the recording could not be written */
  async close(): Promise<void> {
    // That everything goes now is no news.
    this.#stop();
    this.#book.clear();
    await this.#host.close();
    await this.#recorder?.close();
  }

  #add(device: NamedDevice | string): HostedDevice {
    const made = this.#book.make(device);
    const { provider } = made;
    const offered = this.#host.add(this.#recorder ? this.#recorder.of(provider) : provider);
    this.#book.enter(made, offered, (event) => this.#log.add(event));
    return offered;
  }

  #list(): readonly ListedDevice[] {
    return this.#host.devices.map((device) => {
      const { name, instanceGuid, relid, driver, isOpen } = device;
      return { name, provider: this.#book.keyOf(device), instanceGuid, relid, driver, isOpen };
    });
  }

  /** The parent knows with which devices the host begins. */
  #listen(): void {
    this.#stop = this.#host.subscribe((event: HostEvent) => {
      if (event.kind === 'withdrawn') this.#book.remove(event.device);
      this.#log.add(event);
    });
  }
}

function named({ name, instanceGuid }: HostedDevice): ProcessDevice {
  return { name, instanceGuid };
}

function tellTrouble(trouble: HostTrouble, log: EventLog): void {
  const { device, relid, provider, error } = trouble;
  log.add({ kind: 'trouble', device, name: provider, relid, error: plainError(error) });
  if (!log.isHeard) tellTroubleAnyway(trouble);
}
