// SPDX-License-Identifier: MIT
//
// The codec of synthetic video: one door to its shapes, constants, encoders and decoders. Decoders look at nothing but the
// bytes given: pipe size, length and every count are checked against each other first, and what does not fit is
// ERR_VMBUS_PROTOCOL. Encoders refuse what does not fit.
// Called by host/providers/video.

export { decodeVideoGuestMessage, encodeVideoGuestMessage } from './synth-video-guest.js';
export { decodeVideoHostMessage, encodeVideoHostMessage } from './synth-video-host.js';
export * from './synth-video-messages.js';
