// SPDX-License-Identifier: MIT
//
// Work in pieces: as many at a time as there are places, and none begun after one has failed.
// Called by: disk.ts.

/** Part of something longer. */
export interface Piece {
  /** Bytes from its beginning. */
  readonly at: number;
  readonly length: number;
}

/** A length in pieces of at most `most` bytes. */
export function* piecesOf(length: number, most: number): Generator<Piece> {
  for (let at = 0; at < length; at += most) yield { at, length: Math.min(most, length - at) };
}

/** Runs every piece. What was begun has ended when this does. @throws what the first one that failed threw */
export async function runPieces(
  pieces: Iterable<Piece>,
  atOnce: number,
  run: (piece: Piece) => Promise<void>,
): Promise<void> {
  const iterator = pieces[Symbol.iterator]();
  let failure: { readonly error: unknown } | null = null;
  const work = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done && !failure; next = iterator.next()) {
      try {
        await run(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (failure) throw (failure as { readonly error: unknown }).error;
}
