// SPDX-License-Identifier: MIT
//
// The text of every attribute that the simulated host shows, against what Linux 6.12 and 7.2 printed for a real channel.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGuid } from '../../dist/guid.js';
import { channelTexts, deviceTexts, modalias, uioMaps, uioTexts } from '../../dist/host/local/attributes.js';
import { Inspect } from '../../dist/native/binding.js';

const balloonClass = parseGuid('525074dc-8985-46e2-8057-a307dc18a502');
const guid = parseGuid('52510a2d-0000-4000-8000-00000000abcd');

const balloon = {
  guid,
  classGuid: balloonClass,
  deviceIndex: 0xf,
  relid: 1,
  state: 2,
  monitorId: null,
  cpuMap: [
    { relid: 1, cpu: 0 },
    { relid: 4, cpu: 3 },
  ],
};

function ring(words: Partial<Record<keyof typeof Inspect, number>>): Float64Array {
  const facts = new Float64Array(Inspect.words);
  for (const [name, value] of Object.entries(words)) facts[Inspect[name as keyof typeof Inspect]] = value;
  return facts;
}

describe('modalias', () => {
  it('is the class GUID as it lies in memory', () => {
    const golden = {
      'f8615163-df3e-46c5-913f-f2d2f965ed0e': 'vmbus:635161f83edfc546913ff2d2f965ed0e',
      '34d14be3-dee4-41c8-9ae7-6b174977c192': 'vmbus:e34bd134e4dec8419ae76b174977c192',
      'a9a0f4e7-5a45-4d96-b827-8a841e8c03e6': 'vmbus:e7f4a0a9455a964db8278a841e8c03e6',
    };
    for (const [text, expected] of Object.entries(golden)) assert.equal(modalias(parseGuid(text)), expected);
  });
});

describe('attributes of a device', () => {
  it('of a slow channel never opened have empty ring files and no monitor files', () => {
    assert.deepEqual(deviceTexts(balloon, null), {
      id: '1\n',
      state: '2\n',
      class_id: '{525074dc-8985-46e2-8057-a307dc18a502}\n',
      device_id: '{52510a2d-0000-4000-8000-00000000abcd}\n',
      modalias: 'vmbus:dc7450528589e2468057a307dc18a502\n',
      vendor: '0x1414\n',
      device: '0xf\n',
      numa_node: '0\n',
      channel_vp_mapping: '1:0\n4:3\n',
      out_intr_mask: '',
      out_read_index: '',
      out_write_index: '',
      out_read_bytes_avail: '',
      out_write_bytes_avail: '',
      in_intr_mask: '',
      in_read_index: '',
      in_write_index: '',
      in_read_bytes_avail: '',
      in_write_bytes_avail: '',
    });
  });

  it('show the rings as the guest names them: out is what the guest writes', () => {
    const facts = ring({ dataBytes: 2_093_056, inWrite: 96, inRead: 40, inMask: 1, outWrite: 16, outRead: 80 });

    const texts = deviceTexts({ ...balloon, state: 3 }, facts);

    assert.equal(texts.state, '3\n');
    assert.equal(texts.out_write_index, '96\n');
    assert.equal(texts.out_read_index, '40\n');
    assert.equal(texts.out_intr_mask, '1\n');
    assert.equal(texts.out_read_bytes_avail, '56\n');
    assert.equal(texts.out_write_bytes_avail, '2093000\n');
    assert.equal(texts.in_write_index, '16\n');
    assert.equal(texts.in_read_index, '80\n');
    assert.equal(texts.in_read_bytes_avail, '2092992\n');
    assert.equal(texts.in_write_bytes_avail, '64\n');
  });

  it('of a fast channel have the monitor files', () => {
    const texts = deviceTexts({ ...balloon, monitorId: 7 }, null);

    assert.equal(texts.monitor_id, '7\n');
    const names = ['server', 'client'].flatMap((page) =>
      ['pending', 'latency', 'conn_id'].map((f) => `${page}_monitor_${f}`),
    );
    for (const name of names) assert.equal(texts[name], '0\n', name);
  });
});

describe('attributes of a channel', () => {
  const channel = { subchannelIndex: 0, monitorId: null, interrupts: 2, events: 3 };

  it('of an open, empty ring are those of a real one', () => {
    assert.deepEqual(channelTexts(channel, ring({ dataBytes: 2_093_056 })), {
      out_mask: '0\n',
      in_mask: '0\n',
      read_avail: '0\n',
      write_avail: '2093056\n',
      interrupts: '2\n',
      events: '3\n',
      subchannel_id: '0\n',
      intr_in_full: '0\n',
      intr_out_empty: '0\n',
      out_full_first: '0\n',
      out_full_total: '0\n',
    });
  });

  it('are empty where the kernel answers EINVAL', () => {
    const texts = channelTexts(channel, null);

    assert.deepEqual([texts.out_mask, texts.in_mask, texts.read_avail, texts.write_avail], ['', '', '', '']);
  });

  it('of a fast subchannel name its monitor and its index', () => {
    const texts = channelTexts({ ...channel, subchannelIndex: 2, monitorId: 5 }, null);

    assert.deepEqual(
      [texts.subchannel_id, texts.monitor_id, texts.pending, texts.latency],
      ['2\n', '5\n', '0\n', '0\n'],
    );
  });
});

describe('attributes of a UIO device', () => {
  it('print sizes as 16 hexadecimal digits', () => {
    const texts = uioTexts(0, uioMaps(4_194_304, null), 9);

    assert.equal(texts.name, 'uio_hv_generic\n');
    assert.equal(texts.version, '0.02.1\n');
    assert.equal(texts.event, '9\n');
    assert.equal(texts['maps/map0/name'], 'txrx_rings\n');
    assert.equal(texts['maps/map0/size'], '0x0000000000400000\n');
    assert.equal(texts['maps/map0/offset'], '0x0\n');
    assert.match(texts['maps/map0/addr'] ?? '', /^0x[0-9a-f]{16}\n$/);
    assert.equal(texts['maps/map1/name'], 'int_page\n');
    assert.equal(texts['maps/map1/size'], '0x0000000000001000\n');
    assert.equal(texts['maps/map2/name'], 'monitor_page\n');
    assert.equal(texts['maps/map3/name'], undefined);
  });

  it('of a device with buffers name them with their handles', () => {
    const buffers = {
      receive: { gpadl: 925_200, sizeBytes: 32_505_856 },
      send: { gpadl: 925_201, sizeBytes: 16_777_216 },
    };

    const texts = uioTexts(0, uioMaps(4_194_304, buffers), 9);

    assert.equal(texts['maps/map3/name'], 'recv:925200\n');
    assert.equal(texts['maps/map3/size'], '0x0000000001f00000\n');
    assert.equal(texts['maps/map4/name'], 'send:925201\n');
    assert.equal(texts['maps/map4/size'], '0x0000000001000000\n');
  });
});
