// SPDX-License-Identifier: MIT
//
// `hv kvp serve` and `hv kvp undo-ip`.

import type { KvpServedRequest, NetworkManagerName, ServiceState } from '../../index.js';
import { findNetworkManager, planIpChange, serveKvpPools, setIpInfo, undoIpInfo } from '../../index.js';
import type { Context } from '../context.js';
import { harmless } from '../harmless.js';
import type { Output } from '../output.js';

/** Who sets addresses: a program by its name, the one that is found, or nobody but the plan is shown. */
export type SetIpChoice = NetworkManagerName | 'auto' | 'show';

interface ServeOptions {
  readonly setIp?: SetIpChoice;
  readonly wait?: boolean;
}

/** Runs `hv kvp serve`. */
export async function serve(context: Context, { setIp, wait }: ServeOptions): Promise<void> {
  const { out, signal } = context;
  const root = await context.root();
  const service = await serveKvpPools({
    root,
    signal,
    ...(wait === undefined ? {} : { wait }),
    onState: (state) => tellState(state, out),
    onRequest: (request) => tellRequest(request, out),
    ...(setIp === undefined
      ? {}
      : {
          setIpInfo: async (change, abort) => {
            const manager = setIp === 'auto' || setIp === 'show' ? findNetworkManager(root) : setIp;
            const plan =
              setIp === 'show'
                ? planIpChange(root, manager, change)
                : await setIpInfo(change, { root, manager, signal: abort });
            if (out.json) out.record('vmbus.kvp-ip-plan/1', { done: setIp !== 'show', ...plan });
            else
              for (const line of [`${plan.file.path}:`, ...plan.file.content.trimEnd().split('\n')])
                out.line(`  ${line}`);
            if (setIp === 'show') throw new Error('the addresses were shown only, as --set-ip show says');
          },
        }),
  });
  context.defer(() => service.close());
  out.note(`serving key-value pairs as ${service.kernelVersion}; Ctrl-C ends it`);
  const { by, error } = await service.closed;
  if (by !== 'user' && by !== 'abort' && error) throw error;
}

function tellState(state: ServiceState, out: Output): void {
  if (out.json) out.record('vmbus.kvp-service/1', { time: new Date().toISOString(), state });
  else if (state === 'absent') out.note('the host has switched the service off; waiting for it');
  else if (state === 'ready') out.note('the host has the service on');
}

function tellRequest({ request, status, error }: KvpServedRequest, out: Output): void {
  const reason = error === null ? null : error instanceof Error ? error.message : String(error);
  if (out.json) {
    out.record('vmbus.kvp-request/1', { time: new Date().toISOString(), request, status, reason });
    return;
  }
  const { paint } = out;
  const mark = status === 0 ? paint.good('ok') : paint.bad(`0x${status.toString(16).padStart(8, '0')}`);
  out.line(`${mark} ${what(request)}${reason === null ? '' : `: ${harmless(reason)}`}`);
}

function what(request: KvpServedRequest['request']): string {
  if (request === null) return 'a message that is none';
  switch (request.kind) {
    case 'enumerate':
      return `enumerate pool ${request.pool}, ${request.index}`;
    case 'getIpInfo':
      return `addresses of ${harmless(request.adapterId)}`;
    case 'setIpInfo':
      return `set addresses of ${harmless(request.info.adapterId)}: ${harmless(request.info.addresses.join(', '))}`;
    default:
      return `${request.kind} pool ${request.pool}, ${harmless(request.key)}`;
  }
}

/** Runs `hv kvp undo-ip`. */
export async function undoIp(context: Context, name: string): Promise<void> {
  const { out, signal } = context;
  await undoIpInfo(name, { root: await context.root(), signal });
  if (out.json) out.document('vmbus.kvp-undo-ip/1', { interface: name });
  else out.note(`${name} is set up as it was before`);
}
