// SPDX-License-Identifier: MIT
//
// Counters and a picture of a card, from what its parts know.
// Called by: nic.ts.

import type { Guid } from '../../guid.js';
import { FrameInspect } from '../../native/frame-functions.js';
import { type BufferTerms, type NicFacts, versionName } from './bring-up.js';
import type { NicControl } from './control.js';
import type { NicQueue } from './queue.js';
import type { NicInspection, NicStats } from './types.js';

/** What a picture is made of. */
export interface NicParts extends Pick<NicInspection, 'state' | 'mtu' | 'maxFrameBytes' | 'link' | 'queues' | 'stats'> {
  readonly device: Guid;
  /** Null while it is being opened. */
  readonly facts: NicFacts | null;
  readonly terms: BufferTerms | null;
  /** Of the primary queue, by the positions of `FrameInspect`. */
  readonly words: Float64Array;
}

export function inspectionOf({ facts, terms, words, ...shown }: NicParts): NicInspection {
  return {
    ...shown,
    mac: facts?.mac ?? '',
    permanentMac: facts?.permanentMac ?? '',
    name: facts?.name ?? null,
    version: versionName(facts?.version ?? 0),
    receiveBuffer: { pieceBytes: terms?.pieceBytes ?? 0, pieces: terms?.pieces ?? 0 },
    sendBuffer: {
      sectionBytes: terms?.sectionBytes ?? 0,
      sections: words[FrameInspect.sections] ?? 0,
      free: words[FrameInspect.sectionsFree] ?? 0,
    },
  };
}

/** Counters of the queues of this thread. */
export function statsOf(queues: readonly NicQueue[], control: NicControl): NicStats {
  const sum = (word: number): number => queues.reduce((total, queue) => total + (queue.words()[word] ?? 0), 0);
  const { brokenPackets, brokenRanges, brokenMessages, coalesced } = FrameInspect;
  const broken = [brokenPackets, brokenRanges, brokenMessages, coalesced].reduce((total, word) => total + sum(word), 0);
  return {
    framesIn: sum(FrameInspect.frames),
    bytesIn: sum(FrameInspect.frameBytes),
    framesOut: sum(FrameInspect.framesSent),
    bytesOut: sum(FrameInspect.frameBytesSent),
    unread: queues.reduce((total, queue) => total + queue.unread, 0),
    refused: sum(FrameInspect.refused),
    malformed: broken + control.malformed,
    stray: sum(FrameInspect.stray) + control.stray,
    queues: queues.map((queue) => queue.stats()),
  };
}
