// SPDX-License-Identifier: MIT
//
// `hv chan recv`: the packets of the host, one a line, until a count, a time, or Ctrl-C.

import type { Channel } from '../../index.js';
import { VmbusError } from '../../index.js';
import type { Context } from '../context.js';
import { openDevice } from '../open-device.js';
import { packetJson, packetText } from '../packet-text.js';

interface Options {
  readonly count: number;
  readonly timeout?: number;
}

/** Runs `hv chan recv`. */
export async function receive(context: Context, name: string, { count, timeout }: Options): Promise<void> {
  const { out } = context;
  const { device, channel } = await openDevice(context, name);
  if (!out.json) out.note(`receiving on channel ${channel.relid} of ${device.class.name}; Ctrl-C ends it`);
  const stop = endings(context, channel, timeout);
  let received = 0;
  for await (const packet of channel) {
    received += 1;
    if (out.json) out.record('vmbus.packet/1', { device: device.id, channel: channel.relid, ...packetJson(packet) });
    else out.line(packetText(packet, out.paint));
    if (count > 0 && received >= count) break;
  }
  stop();
  if (count > 0 && received < count && !context.signal.aborted) throw tooFew(count, received, timeout);
}

/** Closing the channel is what ends the iteration quietly. */
function endings({ signal }: Context, channel: Channel, timeoutMs: number | undefined): () => void {
  const close = (): void => void channel.close();
  const timer = timeoutMs === undefined ? undefined : setTimeout(close, timeoutMs);
  signal.addEventListener('abort', close, { once: true });
  return () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', close);
  };
}

function tooFew(wanted: number, received: number, timeoutMs: number | undefined): VmbusError {
  return new VmbusError('ERR_VMBUS_TIMEOUT', `${received} of ${wanted} packets came in ${timeoutMs ?? 0} ms`, {
    hint: 'raise --timeout, or look at the channel with hv chan dump',
    facts: { wanted, received },
  });
}
