// SPDX-License-Identifier: MIT
//
// `hv net ls` and `hv net info`: which network cards there are, and what an opened one says of itself.

import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { bytes, grouped } from '../figures.js';
import { renderTable } from '../table.js';
import { openCard } from './open-nic.js';

/** Runs `hv net ls`. */
export async function list(context: Context): Promise<number> {
  const { out } = context;
  const bus = await context.bus();
  const cards = bus.devices().filter((device) => device.class.name === 'net');
  const shown = cards.map((device) => ({
    id: device.id,
    relid: device.relid,
    driver: device.driver,
    interface: device.children.find(({ kind }) => kind === 'net')?.name ?? null,
    uio: device.uio?.name ?? null,
    channels: device.channels.length,
  }));
  if (out.json) out.document('vmbus.net.cards/1', { cards: shown });
  else if (shown.length === 0) out.line('no network cards on this bus');
  else {
    const columns = ['device', 'driver', 'interface', 'user space', 'channels'].map((title) => ({ title }));
    const rows = shown.map((card) => [
      card.id,
      card.driver ?? '',
      card.interface ?? '',
      card.uio ?? '',
      `${card.channels}`,
    ]);
    out.line(renderTable(columns, rows, out.paint));
  }
  return ExitCode.ok;
}

/** Runs `hv net info`. */
export async function info(context: Context, name: string): Promise<number> {
  const { out } = context;
  const { nic } = await openCard(context, name);
  const card = nic.inspect();
  if (out.json) {
    out.document('vmbus.net.card/1', { ...card });
    return ExitCode.ok;
  }
  const { link, receiveBuffer, sendBuffer } = card;
  out.line(`${out.paint.bold('net')} ${card.device}${card.name === null ? '' : `  ${card.name}`}`);
  out.line(`address   ${card.mac}${card.mac === card.permanentMac ? '' : ` (its own: ${card.permanentMac})`}`);
  out.line(`link      ${link.isUp ? 'up' : 'down'}, ${grouped(link.speedMbps)} Mbit/s`);
  out.line(`frames    MTU ${grouped(card.mtu)}, at most ${grouped(card.maxFrameBytes)} bytes to send`);
  out.line(`protocol  NVSP ${card.version}`);
  out.line(`receive   ${grouped(receiveBuffer.pieces)} pieces of ${bytes(receiveBuffer.pieceBytes)}`);
  out.line(`send      ${grouped(sendBuffer.sections)} sections of ${bytes(sendBuffer.sectionBytes)}`);
  return ExitCode.ok;
}
