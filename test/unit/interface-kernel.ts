// SPDX-License-Identifier: MIT
//
// Plays `ip` and the interfaces behind it: keeps what commands set, answers in the JSON of iproute2 6, and forgets an interface
// with its card, as the kernel does. Cut to what the library asks.

import type { IpAnswer, IpProgram } from '../../dist/bus/interface/ip-program.js';

type Fields = Record<string, unknown>;

/** An interface, in the words of `ip -N -json`. */
export interface FakeInterface {
  ifname: string;
  ifindex: number;
  flags: string[];
  mtu: number;
  address: string;
  master?: string;
  altnames: string[];
  addr_info: Fields[];
  /** Fields of its routes, without `dev`, by family. */
  routes: { 4: Fields[]; 6: Fields[] };
}

const forever = 0xffff_ffff;
const ok = (stdout = ''): IpAnswer => ({ status: 0, stdout, stderr: '' });
const failed = (stderr: string): IpAnswer => ({ status: 2, stdout: '', stderr: `${stderr}\n` });

export class FakeIp implements IpProgram {
  /** Every call that changes something, words joined. */
  readonly commands: string[] = [];
  readonly interfaces = new Map<string, FakeInterface>();
  /** What to answer instead, by how the words begin; asked before anything is done. */
  refuse: (words: string) => IpAnswer | null = () => null;
  /** Told of a rename, which shows in sysfs. */
  onRename: (from: string, to: string) => void = () => {};

  /** An interface as the kernel makes it. */
  make(ifname: string, changes: Partial<FakeInterface> = {}): FakeInterface {
    const made: FakeInterface = {
      ifname,
      ifindex: this.interfaces.size + 2,
      flags: ['BROADCAST', 'MULTICAST'],
      mtu: 1500,
      address: '00:15:5d:01:02:03',
      altnames: [],
      addr_info: [],
      routes: { 4: [], 6: [] },
      ...changes,
    };
    this.interfaces.set(ifname, made);
    return made;
  }

  async run(words: readonly string[]): Promise<IpAnswer> {
    return this.runSync(words);
  }

  runSync(words: readonly string[]): IpAnswer {
    const text = words.join(' ');
    const isQuestion = text.startsWith('-N -json ');
    if (!isQuestion) this.commands.push(text);
    return this.refuse(text) ?? (isQuestion ? this.#tell(words.slice(2)) : this.#change(words));
  }

  #tell(words: readonly string[]): IpAnswer {
    if (words[0] === 'address') {
      const found = this.interfaces.get(words[3] ?? '');
      if (!found) return failed(`Device "${words[3]}" does not exist.`);
      const { routes: _, ...fields } = found;
      return ok(JSON.stringify([fields]));
    }
    const family = words[0] === '-6' ? 6 : 4;
    const dev = words[5] === 'dev' ? words[6] : undefined;
    const all = [...this.interfaces.values()].filter(({ ifname }) => dev === undefined || ifname === dev);
    // Asked for one interface, `ip` does not repeat its name.
    const routes = all.flatMap(({ ifname, routes }) =>
      routes[family].map((route) => (dev === undefined && !('nexthops' in route) ? { ...route, dev: ifname } : route)),
    );
    return ok(routes.length === 0 ? '' : JSON.stringify(routes));
  }

  #change(words: readonly string[]): IpAnswer {
    const family = words[0] === '-4' ? 4 : words[0] === '-6' ? 6 : null;
    const [object, verb, ...rest] = family === null ? words : words.slice(1);
    const dev = rest[rest.indexOf('dev') + 1] ?? '';
    const found = this.interfaces.get(dev);
    if (!found) return failed(`Cannot find device "${dev}"`);
    const after = (word: string): string | undefined =>
      rest.includes(word) ? rest[rest.indexOf(word) + 1] : undefined;
    if (object === 'address' && family !== null) {
      const [address = '', length] = (rest[0] ?? '').split('/');
      const peer = after('peer')?.split('/');
      const info = { family: family === 4 ? 'inet' : 'inet6', local: address, prefixlen: Number(length ?? peer?.[1]) };
      const more = { scope: after('scope') ?? '0', label: after('label') ?? dev, valid_life_time: forever };
      found.addr_info.push({ ...info, ...(peer ? { address: peer[0] } : {}), ...more });
      return ok();
    }
    if (object === 'route' && family !== null) return this.#addRoute(found, family, rest, after);
    if (verb === 'property') found.altnames.push(after('altname') ?? '');
    else if (rest.includes('up')) found.flags.push('UP');
    else if (after('mtu')) found.mtu = Number(after('mtu'));
    else if (after('master')) found.master = String(after('master'));
    else if (after('name')) this.#rename(found, String(after('name')));
    return ok();
  }

  #addRoute(
    found: FakeInterface,
    family: 4 | 6,
    rest: readonly string[],
    after: (word: string) => string | undefined,
  ): IpAnswer {
    if (!found.flags.includes('UP')) return failed('RTNETLINK answers: Network is down');
    const metric = Number(after('metric') ?? 0);
    found.routes[family].push({
      dst: rest[0],
      ...(after('via') ? { gateway: after('via') } : {}),
      table: after('table'),
      protocol: after('protocol'),
      ...(metric > 0 ? { metric } : {}),
      flags: rest.includes('onlink') ? ['onlink'] : [],
    });
    return ok();
  }

  #rename(found: FakeInterface, to: string): void {
    this.interfaces.delete(found.ifname);
    this.onRename(found.ifname, to);
    this.interfaces.set(to, Object.assign(found, { ifname: to }));
  }
}
