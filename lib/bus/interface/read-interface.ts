// SPDX-License-Identifier: MIT
//
// Asks `ip` what an interface has: addresses, routes of all tables, MTU, state.
// Called by remember.ts and put-back.ts; calls parse-link.ts and parse-routes.ts.

import { type Asking, askIp } from './ask.js';
import type { IpAnswer } from './ip-program.js';
import { type Link, parseLink } from './parse-link.js';
import { parseRoutes } from './parse-routes.js';
import type { InterfaceRoute } from './types.js';

/** An interface as it stands. */
export interface InterfaceReading extends Link {
  readonly routes: readonly InterfaceRoute[];
  /** Routes that come back by themselves; there, they are as good as any. */
  readonly otherRoutes: readonly InterfaceRoute[];
}

/** Numbers instead of names that a table in /etc could change, as JSON. */
const format = ['-N', '-json'];

/** The interface of that name, or why it can't be read. */
export function* readInterface(name: string): Asking<InterfaceReading | string> {
  const told = yield* askIp([...format, 'address', 'show', 'dev', name]);
  if (told.status !== 0) return whyNot(told);
  const link = parseLink(told.stdout, name);
  if (link === null) return `ip told nothing of ${name} that makes sense`;
  const four = yield* readRoutes(4, name);
  const six = yield* readRoutes(6, name);
  if (typeof four === 'string') return four;
  if (typeof six === 'string') return six;
  return {
    ...link,
    routes: [...four.kept, ...six.kept],
    otherRoutes: [...four.others, ...six.others],
    unknown: [...link.unknown, ...four.unknown, ...six.unknown],
  };
}

/** All there are, because a route over several interfaces is listed nowhere else; of a router with very many, the interface's own. */
function* readRoutes(family: 4 | 6, name: string): Asking<ReturnType<typeof parseRoutes> | string> {
  const words = [...format, `-${family}`, 'route', 'show', 'table', 'all'];
  const all = yield* askIp(words);
  if (all.status === 0) return parseRoutes(all.stdout, family, name, false);
  const own = yield* askIp([...words, 'dev', name]);
  return own.status === 0 ? parseRoutes(own.stdout, family, name, true) : whyNot(own);
}

/** The first line of what `ip` complained about. */
export function whyNot({ status, stderr }: IpAnswer): string {
  const [first = ''] = stderr.trim().split('\n', 1);
  return first.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200) || `ip ended with status ${status}`;
}
