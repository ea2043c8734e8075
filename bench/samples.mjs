// SPDX-License-Identifier: MIT
//
// Figures of several rounds, by way and payload size, and the rows of their medians.
import { median } from './table.mjs';

/** Collects nanoseconds per packet. */
export class Samples {
  #byWay = new Map();

  add(way, size, ns) {
    const bySize = this.#byWay.get(way) ?? new Map();
    this.#byWay.set(way, bySize);
    const list = bySize.get(size) ?? [];
    bySize.set(size, list);
    list.push(ns);
  }

  /** One row a way, in the order they were first seen. */
  rows() {
    return [...this.#byWay].map(([name, bySize]) => ({
      name,
      unit: 'ns/packet',
      bySize: Object.fromEntries([...bySize].map(([size, list]) => [size, median(list)])),
    }));
  }
}
