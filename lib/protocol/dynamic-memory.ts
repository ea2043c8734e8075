// SPDX-License-Identifier: MIT
//
// The codec of dynamic memory: one door to its shapes, constants, encoders and decoders. Decoders look at nothing but the
// bytes given: size field, length and every count are checked against each other first, and what does not fit is
// ERR_VMBUS_PROTOCOL. Encoders refuse what does not fit.
// Called by devices/memory (guest) and host/providers/dynamic-memory (host).

export { decodeGuestMessage, encodeGuestMessage } from './dynamic-memory-guest.js';
export { decodeHostMessage, encodeHostMessage } from './dynamic-memory-host.js';
export * from './dynamic-memory-messages.js';
