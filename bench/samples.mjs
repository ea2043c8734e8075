// SPDX-License-Identifier: MIT
//
// Figures of several rounds, by way and payload size (or by way and the name of a figure), and the rows of their medians.
import { median } from './statistics.mjs';

/** Collects figures; a row tells its unit, and all rounds beside the medians. */
export class Samples {
  #byWay = new Map();
  #unit;
  #kind;

  /** @param {'bySize' | 'values'} [kind] what the keys are: payload sizes in bytes, or names of figures */
  constructor(unit = 'ns/packet', kind = 'bySize') {
    this.#unit = unit;
    this.#kind = kind;
  }

  add(way, key, figure) {
    const byKey = this.#byWay.get(way) ?? new Map();
    this.#byWay.set(way, byKey);
    const list = byKey.get(key) ?? [];
    byKey.set(key, list);
    list.push(figure);
  }

  /** One row a way, in the order they were first seen. */
  rows() {
    return [...this.#byWay].map(([name, byKey]) => ({
      name,
      unit: this.#unit,
      [this.#kind]: Object.fromEntries([...byKey].map(([key, list]) => [key, median(list)])),
      rounds: Object.fromEntries(byKey),
    }));
  }
}
