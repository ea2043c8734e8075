// SPDX-License-Identifier: MIT
//
// The vectors of all protocols, and their files: a line of JSON for each, in a stable order.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pack } from './hex.mjs';

/** `6.12` of `6.12.117+deb13-cloud-amd64`: one release of each line is enough. */
const lineOf = (release) => release.split('.').slice(0, 2).join('.');
const shapeOf = ({ protocol, from, kind, detail = '', type = '', flags = '' }) =>
  [protocol, from, kind, detail, type, flags].join('|');
const bytesOf = ({ header = '', payload }) => `${header}|${payload}`;

export class VectorSet {
  /** Vectors by shape. */
  #known = new Map();
  /** The shortest of each bulk shape of this recording. */
  #shortest = new Map();

  get size() {
    return [...this.#known.values()].reduce((sum, list) => sum + list.length, 0);
  }

  load(folder) {
    if (!existsSync(folder)) return;
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.jsonl'))) {
      for (const line of readFileSync(path.join(folder, file), 'utf8').split('\n').filter(Boolean)) {
        const vector = { protocol: path.basename(file, '.jsonl'), ...JSON.parse(line) };
        this.#list(vector).push(vector);
      }
    }
  }

  /** The first of a shape stands for it; of bulk, whose length means nothing, the shortest of the recording. */
  add({ isBulk, header, payload, ...message }, release) {
    const vector = {
      ...message,
      ...(header?.length > 0 ? { header: pack(header) } : {}),
      payload: pack(payload),
      kernels: [release],
    };
    if (!isBulk) return this.#keep(vector);
    const shape = shapeOf(vector);
    const least = this.#shortest.get(shape);
    if (!least || payload.length < least.length) this.#shortest.set(shape, { vector, length: payload.length });
  }

  endRecording() {
    for (const { vector } of this.#shortest.values()) this.#keep(vector);
    this.#shortest.clear();
  }

  /** Writes the files. @returns a line about each */
  save(folder) {
    mkdirSync(folder, { recursive: true });
    const all = [...this.#known.values()].flat();
    const protocols = [...new Set(all.map(({ protocol }) => protocol))];
    return protocols.toSorted().map((protocol) => {
      const vectors = all.filter((vector) => vector.protocol === protocol);
      const lines = vectors
        .toSorted((a, b) => compare(shapeOf(a), shapeOf(b)) || compare(bytesOf(a), bytesOf(b)))
        .map(({ protocol: _, kernels, ...rest }) => JSON.stringify({ ...rest, kernels: kernels.toSorted() }));
      const text = `${lines.join('\n')}\n`;
      writeFileSync(path.join(folder, `${protocol}.jsonl`), text);
      return `${protocol}: ${lines.length} vectors, ${text.length} bytes`;
    });
  }

  #keep(vector) {
    const [release] = vector.kernels;
    const list = this.#list(vector);
    const isSameLine = (other) => lineOf(other) === lineOf(release);
    if (list.some(({ kernels }) => kernels.some(isSameLine))) return;
    const same = list.find((other) => bytesOf(other) === bytesOf(vector));
    if (same) same.kernels.push(release);
    else list.push(vector);
  }

  #list(vector) {
    const shape = shapeOf(vector);
    if (!this.#known.has(shape)) this.#known.set(shape, []);
    return this.#known.get(shape);
  }
}

const compare = (a, b) => (a < b ? -1 : Number(a > b));
