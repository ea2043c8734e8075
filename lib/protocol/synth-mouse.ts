// SPDX-License-Identifier: MIT
//
// The codec of the synthetic mouse: five messages in pipe mode that carry a HID device and its reports. What the reports
// hold: mouse-report.ts. Decoders check every length and throw ERR_VMBUS_PROTOCOL; encoders refuse what does not fit.
// Called by host/providers/mouse.
// Source: drivers/hid/hid-hyperv.c of the Linux kernel; HID 1.11 section 6.2.1 (descriptor).

import { outOfRange } from '../errors.js';
import { type Guid, parseGuid } from '../guid.js';
import { buildPipe, openPipe } from './pipe.js';
import { needBytes, protocolViolation, putUint } from './wire-fields.js';

/** Class of the synthetic mouse. */
export const mouseClass: Guid = parseGuid('cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a');
/** Instance GUID that the mouse has on every Hyper-V host. */
export const mouseInstance: Guid = parseGuid('58f75a6d-d949-4320-99e1-a2a2576d581c');
/** 2.0, the only version in use; major in the upper 16 bits. */
export const mouseVersion = 0x2_0000;

const service = 'mouse';
const Type = { protocolRequest: 0, protocolResponse: 1, deviceInfo: 2, deviceInfoAck: 3, inputReport: 4 } as const;
const headerBytes = 8;
const attributeBytes = 32;
const hidDescriptorBytes = 9;
const deviceInfoBytes = attributeBytes + hidDescriptorBytes;
/** Hosts send the report descriptor in a field of this size, and count only what is used of it in the inner header. */
const descriptorFieldBytes = 128;
const hidDescriptorType = 0x21;
const hidReportType = 0x22;
const hidVersion = 0x101;

/** What a guest sends. */
export type MouseGuestMessage =
  | { readonly kind: 'protocolRequest'; readonly version: number }
  | { readonly kind: 'deviceInfoAck' };

/** The HID device behind the mouse. */
export interface MouseDeviceInfo {
  readonly kind: 'deviceInfo';
  readonly vendor: number;
  readonly product: number;
  readonly version: number;
  /** HID report descriptor, 1 to 128 bytes. */
  readonly reportDescriptor: Uint8Array;
}

/** What a host sends. */
export type MouseHostMessage =
  | { readonly kind: 'protocolResponse'; readonly version: number; readonly isAccepted: boolean }
  | MouseDeviceInfo
  | { readonly kind: 'inputReport'; readonly report: Uint8Array };

/** @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeMouseGuestMessage(payload: Uint8Array): MouseGuestMessage {
  const { type, body } = open(payload);
  if (type === Type.protocolRequest) {
    needBytes(body, 4, service, 'body of a protocol request');
    return { kind: 'protocolRequest', version: body.getUint32(0, true) };
  }
  if (type === Type.deviceInfoAck) return { kind: 'deviceInfoAck' };
  throw protocolViolation(service, `message of type ${type} from a guest`, { type });
}

/** @throws TypeError, RangeError ERR_OUT_OF_RANGE */
export function encodeMouseGuestMessage(message: MouseGuestMessage): Uint8Array {
  if (message.kind === 'deviceInfoAck') return build(Type.deviceInfoAck, 1, 1, () => undefined);
  return build(Type.protocolRequest, 4, 4, (body) => putUint(body, 0, 32, message.version, 'version'));
}

/** Byte arrays in it are copies. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeMouseHostMessage(payload: Uint8Array): MouseHostMessage {
  const { type, body } = open(payload);
  if (type === Type.protocolResponse) {
    needBytes(body, 5, service, 'body of a protocol response');
    return { kind: 'protocolResponse', version: body.getUint32(0, true), isAccepted: body.getUint8(4) !== 0 };
  }
  if (type === Type.deviceInfo) return decodeDeviceInfo(body);
  if (type === Type.inputReport) return { kind: 'inputReport', report: copy(body, 0, body.byteLength) };
  throw protocolViolation(service, `message of type ${type} from a host`, { type });
}

/** @throws TypeError, RangeError ERR_OUT_OF_RANGE */
export function encodeMouseHostMessage(message: MouseHostMessage): Uint8Array {
  switch (message.kind) {
    case 'protocolResponse':
      return build(Type.protocolResponse, 5, 5, (body) => {
        putUint(body, 0, 32, message.version, 'version');
        body.setUint8(4, message.isAccepted ? 1 : 0);
      });
    case 'deviceInfo':
      return encodeDeviceInfo(message);
    case 'inputReport': {
      const { report } = message;
      return build(Type.inputReport, report.length, report.length, (body) => put(body, 0, report));
    }
    default:
      return message satisfies never;
  }
}

function decodeDeviceInfo(body: DataView): MouseDeviceInfo {
  needBytes(body, deviceInfoBytes, service, 'body of a device info');
  const hidBytes = body.getUint8(attributeBytes);
  const reportBytes = body.getUint16(attributeBytes + 7, true);
  if (hidBytes < hidDescriptorBytes || reportBytes === 0 || attributeBytes + hidBytes + reportBytes > body.byteLength) {
    const detail = `device info of ${body.byteLength} bytes announces descriptors of ${hidBytes} and ${reportBytes}`;
    throw protocolViolation(service, detail, { hidBytes, reportBytes });
  }
  return {
    kind: 'deviceInfo',
    vendor: body.getUint16(4, true),
    product: body.getUint16(6, true),
    version: body.getUint16(8, true),
    reportDescriptor: copy(body, attributeBytes + hidBytes, reportBytes),
  };
}

function encodeDeviceInfo({ vendor, product, version, reportDescriptor }: MouseDeviceInfo): Uint8Array {
  const { length } = reportDescriptor;
  if (length < 1 || length > descriptorFieldBytes)
    throw outOfRange('reportDescriptor.length', `1 … ${descriptorFieldBytes}`, length);
  const used = deviceInfoBytes + reportDescriptor.length;
  return build(Type.deviceInfo, used, deviceInfoBytes + descriptorFieldBytes, (body) => {
    body.setUint32(0, attributeBytes, true);
    putUint(body, 4, 16, vendor, 'vendor');
    putUint(body, 6, 16, product, 'product');
    putUint(body, 8, 16, version, 'version');
    body.setUint8(32, hidDescriptorBytes);
    body.setUint8(33, hidDescriptorType);
    body.setUint16(34, hidVersion, true);
    body.setUint8(37, 1);
    body.setUint8(38, hidReportType);
    body.setUint16(39, reportDescriptor.length, true);
    put(body, deviceInfoBytes, reportDescriptor);
  });
}

/** The body ends where the inner header says; the pipe may announce more, never less. */
function open(payload: Uint8Array): { readonly type: number; readonly body: DataView } {
  const view = openPipe(payload, service);
  needBytes(view, headerBytes, service, 'message');
  const size = view.getUint32(4, true);
  if (size > view.byteLength - headerBytes) {
    const detail = `message of ${view.byteLength} bytes announces a body of ${size}`;
    throw protocolViolation(service, detail, { size, bytes: view.byteLength });
  }
  return { type: view.getUint32(0, true), body: new DataView(view.buffer, view.byteOffset + headerBytes, size) };
}

function build(type: number, size: number, room: number, fill: (body: DataView) => void): Uint8Array {
  return buildPipe(headerBytes + room, (view) => {
    view.setUint32(0, type, true);
    view.setUint32(4, size, true);
    fill(new DataView(view.buffer, view.byteOffset + headerBytes));
  });
}

function copy(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length).slice();
}

function put(view: DataView, offset: number, bytes: Uint8Array): void {
  new Uint8Array(view.buffer, view.byteOffset + offset, view.byteLength - offset).set(bytes);
}
