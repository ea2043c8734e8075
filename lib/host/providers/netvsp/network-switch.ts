// SPDX-License-Identifier: MIT
//
// An Ethernet switch in memory: connects network cards, scripts and built-in peers. Learns who is where from source addresses;
// what is for everybody, for a group or for somebody unknown goes to all others.
// Called by: netvsp.ts, scripts. Calls its stations, never one from inside another: frames sent meanwhile wait for their turn.

import { checkObject } from '../../../check.js';
import { invalidType } from '../../../errors.js';
import { isGroupMac, macBytes, macNumber } from '../../../protocol/ethernet/address.js';
import { frameHeaderBytes } from '../../../protocol/ethernet/frame.js';
import { Fifo } from './fifo.js';
import { FramePort, type FramePortOptions } from './frame-port.js';

/** Frames that wait inside a switch, at most: stations that answer each other for ever must not eat the memory. */
const mostWaiting = 4096;
/** Frames handled in one turn of the event loop. */
const turnFrames = 1024;
/** Addresses that a switch remembers; the oldest is forgotten. */
const mostAddresses = 4096;
/** No frame is longer. */
const mostFrameBytes = 0xffff;

/** What can be connected to a switch. */
export interface NetworkStation {
  /** For people. */
  readonly name: string;
  /** Takes a frame. Others may have the same bytes: read only, to be kept as long as wanted. */
  deliver(frame: Uint8Array): void;
  /** Is connected, and can send from now on. */
  attach?(port: SwitchPort): void;
}

/** A station's place on a switch. */
export interface SwitchPort {
  /** Sends a frame from its Ethernet header on. It must not be changed any more. */
  send(frame: Uint8Array): void;
  /** Takes the cable out. Safe to call twice. */
  disconnect(): void;
}

/** What a switch has done. */
export interface SwitchStatistics {
  /** Frames for one station that was known. */
  readonly forwarded: number;
  /** Frames for all. */
  readonly flooded: number;
  /** Frames that were no frames, came from nowhere, or were too many. */
  readonly dropped: number;
  /** Addresses known. */
  readonly addresses: number;
}

interface Place {
  readonly station: NetworkStation;
  isConnected: boolean;
}

/**
 * An Ethernet switch in memory.
 * @example
 * const lan = new NetworkSwitch();
 * const host = await SimulatedHost.start({ devices: [netvsp({ switch: lan }), netvsp({ switch: lan, name: 'net2' })] });
 * for await (const frame of lan.port().frames) console.log(frame.length);
 */
export class NetworkSwitch {
  readonly #places = new Set<Place>();
  readonly #addresses = new Map<number, Place>();
  readonly #waiting = new Fifo<{ readonly from: Place; readonly frame: Uint8Array }>();
  #isBusy = false;
  #forwarded = 0;
  #flooded = 0;
  #dropped = 0;

  /** Connects a station. @throws TypeError ERR_INVALID_ARG_TYPE */
  connect(station: NetworkStation): SwitchPort {
    checkObject(station, 'station', 'a station, such as networkPeer() answers');
    if (typeof station.deliver !== 'function') throw invalidType('station.deliver', 'a function', station.deliver);
    const place: Place = { station, isConnected: true };
    this.#places.add(place);
    const port: SwitchPort = {
      send: (frame) => this.#take(place, frame),
      disconnect: () => this.#disconnect(place),
    };
    station.attach?.(port);
    return port;
  }

  /** Connects a script: a stream of frames in both directions. */
  port(options: FramePortOptions = {}): FramePort {
    const port = new FramePort(options);
    this.connect(port);
    return port;
  }

  get statistics(): SwitchStatistics {
    return {
      forwarded: this.#forwarded,
      flooded: this.#flooded,
      dropped: this.#dropped,
      addresses: this.#addresses.size,
    };
  }

  #disconnect(place: Place): void {
    place.isConnected = false;
    this.#places.delete(place);
    for (const [address, at] of this.#addresses) if (at === place) this.#addresses.delete(address);
  }

  #take(from: Place, frame: Uint8Array): void {
    const isFrame = frame.length >= frameHeaderBytes && frame.length <= mostFrameBytes;
    if (!isFrame || !from.isConnected || this.#waiting.length >= mostWaiting) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push({ from, frame });
    if (!this.#isBusy) this.#work();
  }

  #work(): void {
    this.#isBusy = true;
    try {
      for (let done = 0; done < turnFrames; done += 1) {
        const next = this.#waiting.shift();
        if (!next) return;
        this.#pass(next.from, next.frame);
      }
    } finally {
      this.#isBusy = this.#waiting.length > 0;
      if (this.#isBusy) setImmediate(() => this.#work());
    }
  }

  #pass(from: Place, frame: Uint8Array): void {
    if (!isGroupMac(frame, macBytes)) this.#learn(macNumber(frame, macBytes), from);
    const known = isGroupMac(frame) ? undefined : this.#addresses.get(macNumber(frame));
    if (known) {
      this.#forwarded += 1;
      if (known !== from) known.station.deliver(frame);
      return;
    }
    this.#flooded += 1;
    for (const place of [...this.#places]) if (place !== from && place.isConnected) place.station.deliver(frame);
  }

  #learn(address: number, place: Place): void {
    if (this.#addresses.get(address) === place || !place.isConnected) return;
    this.#addresses.delete(address);
    const [oldest] = this.#addresses.keys();
    if (this.#addresses.size >= mostAddresses && oldest !== undefined) this.#addresses.delete(oldest);
    this.#addresses.set(address, place);
  }
}
