// SPDX-License-Identifier: MIT
//
// A balloon in a kernel that plays along: what the tests of binding begin with.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type Device, openBus } from '../../dist/bus/index.js';
import { VmbusError } from '../../dist/errors.js';
import { FakeKernel } from './bus-kernel.js';
import { BusTree, balloonId } from './bus-tree.js';

export const balloonClass = '525074dc-8985-46e2-8057-a307dc18a502';
/** Folder of the records, below the root. */
export const bindings = 'run/vmbus/bindings';

/** A balloon on its own driver, with uio_hv_generic loaded, in a kernel that plays along. */
export class Scene implements AsyncDisposable {
  readonly tree = new BusTree();
  readonly kernel = new FakeKernel(this.tree);

  static async make(driver: string | null = 'hv_balloon'): Promise<Scene> {
    const scene = new Scene();
    await scene.kernel.serve('uio_hv_generic');
    await scene.kernel.serve('hv_balloon', balloonClass);
    scene.tree.device({ id: balloonId, className: 'balloon', relid: 1, ...(driver === null ? {} : { driver }) });
    return scene;
  }

  get device(): Device {
    return openBus({ root: this.tree.root }).device('balloon');
  }

  get records(): string[] {
    return this.tree.exists(bindings) ? readdirSync(this.tree.path(bindings)) : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel[Symbol.asyncDispose]();
    this.tree[Symbol.dispose]();
  }
}

export const withCode =
  (code: string, pattern = /./) =>
  (error: unknown): boolean => {
    assert.ok(VmbusError.is(error), String(error));
    assert.equal(error.code, code);
    assert.match(`${error.message} ${error.hint}`, pattern);
    return true;
  };
