// SPDX-License-Identifier: MIT
//
// An event of a simulated host as a line of text.
// Called by: tell-events.ts.

import type { HostProcessEvent } from '../../host/index.js';
import type { Paint } from '../paint.js';

/** `09:41:07.250 ~ echo  bound to uio_hv_generic` */
export function eventText(event: HostProcessEvent, paint: Paint): string {
  const clock = clockText(new Date(event.time));
  if (event.kind === 'missed')
    return `${paint.dim(clock)} ${paint.warn('!')} ${event.count} events came too fast to tell`;
  const mark = { added: paint.good('+'), withdrawn: paint.bad('-'), trouble: paint.bad('!') } as const;
  const sign = event.kind in mark ? mark[event.kind as keyof typeof mark] : paint.warn('~');
  return `${paint.dim(clock)} ${sign} ${paint.bold(event.name)}  ${whatText(event)}`;
}

function clockText(time: Date): string {
  return `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

function whatText(event: Exclude<HostProcessEvent, { kind: 'missed' }>): string {
  switch (event.kind) {
    case 'added':
      return `offered as channel ${event.relid}: ${event.device}`;
    case 'withdrawn':
      return 'withdrawn';
    case 'bound':
      return `bound to ${event.driver}`;
    case 'unbound':
      return `taken from ${event.driver}`;
    case 'opened':
    case 'closed': {
      const { subchannelIndex, relid, kind } = event;
      return `${subchannelIndex === 0 ? 'channel' : `subchannel ${subchannelIndex}, channel`} ${relid} ${kind}`;
    }
    case 'trouble':
      return `${event.error.code}: ${event.error.message}`;
    case 'provider': {
      const { kind, ...fields } = event.event;
      return [kind.replaceAll('-', ' '), fieldsText(kind, fields)].join(' ').trim();
    }
    default:
      return event satisfies never;
  }
}

/** `sequence=4 health=unknown`; a field that is called as the event is its value alone. */
export function fieldsText(kind: string, fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => (name === kind ? valueText(value) : `${name}=${valueText(value)}`))
    .join(' ');
}

/** A value on one line. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return /[\s=]/.test(value) || value === '' ? JSON.stringify(value) : value;
  if (isError(value)) return `${value.code} (${value.message})`;
  return JSON.stringify(value) ?? 'none';
}

function isError(value: unknown): value is { readonly code: string; readonly message: string } {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value;
}
