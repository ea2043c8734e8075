// SPDX-License-Identifier: MIT
//
// The part of the addon's surface that is about service devices: /dev/vmbus/hv_kvp, hv_vss, hv_fcopy, and serving them in a
// simulated kernel.
// Part of binding.ts, which says what handles and statuses are. Counterpart: native/binding/service_functions.cc.

/** Service devices. */
export interface ServiceFunctions {
  /**
   * Opens a service device, or connects to a socket in its place; answers a handle or a negative errno (EBUSY: somebody has it).
   * `onMessage` gets each message; without bytes: the service is off, and the device is closed already.
   */
  openService(path: string, onMessage: (message: Uint8Array) => void): number;
  /** One message. Answers 0 or an errno. */
  writeService(handle: number, message: Uint8Array): number;
  refService(handle: number, keep: boolean): void;
  closeService(handle: number): void;
  /**
   * Serves a service device of a simulated kernel for one opener at a time; answers a handle or a negative errno. A second
   * opener gets the 4 bytes of EBUSY and the end. `onOpened` gets 1 when it was opened and 0 when it was closed.
   */
  serveService(path: string, onOpened: (isOpen: number) => void, onMessage: (message: Uint8Array) => void): number;
  /** One message to the opener. Answers 0 or an errno. */
  sendServed(handle: number, message: Uint8Array): number;
  refServed(handle: number, keep: boolean): void;
  /** Ends it for its opener too. */
  closeServed(handle: number): void;
}
