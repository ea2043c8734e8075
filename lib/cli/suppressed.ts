// SPDX-License-Identifier: MIT
//
// Errors that wrap others: when giving something back fails after the work has failed, the runtime packs both into one.

/** The errors inside, in the order in which they happened; an error that wraps none is itself the only one. */
export function errorsInside(error: unknown): unknown[] {
  if (!(error instanceof Error) || error.name !== 'SuppressedError') return [error];
  const { suppressed, error: later } = error as Error & { readonly suppressed?: unknown; readonly error?: unknown };
  return [...errorsInside(suppressed), ...errorsInside(later)];
}
