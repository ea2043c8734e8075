// SPDX-License-Identifier: MIT
//
// The simulated kernel's driver model: who gets which device, and which errno a write to bind and its kin answers.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { beforeEach, describe, it } from 'node:test';
import { type Guid, parseGuid } from '../../dist/guid.js';
import { type DrivenDevice, DriverModel } from '../../dist/host/local/drivers.js';
import { kernelDrivers, kernelRingBytes, uioDriver } from '../../dist/host/local/native-drivers.js';
import { probeErrno } from '../../dist/host/local/probe.js';

const { EBUSY, EEXIST, EFAULT, EINVAL, ENODEV, ETIMEDOUT } = constants.errno;
const balloonClass = parseGuid('525074dc-8985-46e2-8057-a307dc18a502');
const echoClass = parseGuid('6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f5');
const kvpClass = parseGuid('a9a0f4e7-5a45-4d96-b827-8a841e8c03e6');
const fcopyClass = parseGuid('34d14be3-dee4-41c8-9ae7-6b174977c192');
const first = parseGuid('11111111-0000-0000-0000-000000000001');
const second = parseGuid('11111111-0000-0000-0000-000000000002');

let overrides: Map<Guid, string>;
let released: string[];
let model: DriverModel;
let requireMonitor: boolean;

function device(guid: Guid, classGuid: Guid): DrivenDevice {
  const made = { guid, classGuid, driver: null };
  model.add(made, { autoprobe: true });
  return made;
}

beforeEach(() => {
  overrides = new Map();
  released = [];
  requireMonitor = false;
  const classes = new Map<Guid, Guid>([
    [first, echoClass],
    [second, balloonClass],
  ]);
  model = new DriverModel({
    override: (guid) => overrides.get(guid) ?? null,
    probe: (guid, driver) => {
      const isNative = model.isNative(driver, classes.get(guid) ?? echoClass);
      return probeErrno(driver, { isNative, hasMonitor: false, requireMonitor });
    },
    removed: (guid, driver) => released.push(`${guid} ${driver}`),
  });
  for (const { name, classes: ids } of kernelDrivers()) model.register(name, ids);
});

describe('a device that is offered', () => {
  it('is taken by the driver made for its class', () => {
    assert.equal(device(second, balloonClass).driver, 'hv_balloon');
  });

  it('stays without a driver when its class is unknown', () => {
    assert.equal(device(first, echoClass).driver, null);
  });

  it('is taken by uio_hv_generic when its class is file copy', () => {
    assert.equal(device(first, fcopyClass).driver, uioDriver);
  });

  it('is left alone where the bus does not probe by itself', () => {
    const balloon = { guid: second, classGuid: balloonClass, driver: null };

    model.add(balloon, { autoprobe: false });

    assert.equal(balloon.driver, null);
  });

  it('goes to its native driver even if uio_hv_generic has its class as a dynamic id', () => {
    model.newId(uioDriver, balloonClass);

    assert.equal(device(second, balloonClass).driver, 'hv_balloon');
  });
});

describe('bind', () => {
  it('answers ENODEV for a device that is not there, or not matched by the driver', () => {
    device(first, echoClass);

    assert.equal(model.bind(uioDriver, second), ENODEV);
    assert.equal(model.bind(uioDriver, first), ENODEV);
    assert.equal(model.bind('hv_balloon', first), ENODEV);
  });

  it('tolerates one newline and nothing else around the name', () => {
    const echo = device(first, echoClass);
    overrides.set(first, uioDriver);

    assert.equal(model.bind(uioDriver, `${first}\n\n`), ENODEV);
    assert.equal(model.bind(uioDriver, `{${first}}`), ENODEV);
    assert.equal(model.bind(uioDriver, ` ${first}`), ENODEV);
    assert.equal(model.bind(uioDriver, `${first}\n`), 0);
    assert.equal(echo.driver, uioDriver);
  });

  it('answers EBUSY for a device that has a driver, if the driver matches', () => {
    device(second, balloonClass);
    model.newId(uioDriver, balloonClass);

    assert.equal(model.bind(uioDriver, second), EBUSY);
    assert.equal(model.bind('hv_balloon', second), EBUSY);
  });

  it('reports what the probe function answers: 524 where a monitor is required', () => {
    requireMonitor = true;
    const echo = device(first, echoClass);
    overrides.set(first, uioDriver);

    assert.equal(model.bind(uioDriver, first), 524);
    assert.equal(echo.driver, null);
  });

  it('refuses a foreign class on a native driver', () => {
    device(first, echoClass);
    overrides.set(first, 'hv_utils');
    assert.equal(model.bind('hv_utils', first), EFAULT);

    overrides.set(first, 'hv_balloon');
    assert.equal(model.bind('hv_balloon', first), ETIMEDOUT);
  });

  it('lets only the driver named by driver_override match', () => {
    device(second, balloonClass);
    model.unbind('hv_balloon', second);
    overrides.set(second, uioDriver);

    assert.equal(model.bind('hv_balloon', second), ENODEV);
    assert.equal(model.bind(uioDriver, second), 0);
  });
});

describe('unbind', () => {
  it('answers ENODEV unless the device is held by this very driver', () => {
    device(first, echoClass);
    device(second, balloonClass);

    assert.equal(model.unbind('hv_balloon', first), ENODEV);
    assert.equal(model.unbind(uioDriver, second), ENODEV);
    assert.deepEqual(released, []);
  });

  it('takes the driver off', () => {
    const balloon = device(second, balloonClass);

    assert.equal(model.unbind('hv_balloon', `${second}\n`), 0);
    assert.equal(balloon.driver, null);
    assert.deepEqual(released, [`${second} hv_balloon`]);
  });
});

describe('new_id and remove_id', () => {
  it('take unbound devices of the class at once and never steal a bound one', () => {
    const echo = device(first, echoClass);
    const balloon = device(second, balloonClass);

    assert.equal(model.newId(uioDriver, echoClass), 0);
    assert.equal(model.newId(uioDriver, balloonClass), 0);

    assert.equal(echo.driver, uioDriver);
    assert.equal(balloon.driver, 'hv_balloon');
  });

  it('parse 36 characters in either case and ignore the rest', () => {
    assert.equal(model.newId(uioDriver, `${echoClass.toUpperCase()} and more\n`), 0);
    assert.equal(model.newId(uioDriver, echoClass), EEXIST);
    assert.equal(model.removeId(uioDriver, `${echoClass}x`), 0);
  });

  it('answer EINVAL for anything that is no GUID, braces included', () => {
    for (const text of ['', 'echo', `{${echoClass}}`, echoClass.slice(0, 35), echoClass.replaceAll('-', ' ')]) {
      assert.equal(model.newId(uioDriver, text), EINVAL, text);
      assert.equal(model.removeId(uioDriver, text), EINVAL, text);
    }
  });

  it('do not report that the probe failed', () => {
    requireMonitor = true;
    const echo = device(first, echoClass);

    assert.equal(model.newId(uioDriver, echoClass), 0);
    assert.equal(echo.driver, null);
  });

  it('know nothing of the static table', () => {
    assert.equal(model.newId('hv_balloon', balloonClass), 0);
    assert.equal(model.removeId('hv_utils', kvpClass), ENODEV);
  });

  it('leave a bound device bound when its id is removed', () => {
    const echo = device(first, echoClass);
    model.newId(uioDriver, echoClass);

    assert.equal(model.removeId(uioDriver, echoClass), 0);
    assert.equal(echo.driver, uioDriver);
    assert.equal(model.removeId(uioDriver, echoClass), ENODEV);
  });
});

describe('drivers_probe', () => {
  it('answers ENODEV for a missing device and success when no driver matches', () => {
    device(first, echoClass);

    assert.equal(model.driversProbe(second), ENODEV);
    assert.equal(model.driversProbe(first), 0);
  });

  it('gives an unbound device to its driver', () => {
    const balloon = device(second, balloonClass);
    model.unbind('hv_balloon', second);

    assert.equal(model.driversProbe(second), 0);
    assert.equal(balloon.driver, 'hv_balloon');
  });
});

describe('the ring of a class under uio_hv_generic', () => {
  it('follows the kernel: file copy 20480, unknown 69632, any other 2 MiB', () => {
    assert.equal(kernelRingBytes(fcopyClass), 20_480);
    assert.equal(kernelRingBytes(echoClass), 69_632);
    assert.equal(kernelRingBytes(balloonClass), 2_097_152);
  });

  it('is rounded to larger pages', () => {
    assert.equal(kernelRingBytes(fcopyClass, 65_536), 131_072);
    assert.equal(kernelRingBytes(echoClass, 65_536), 196_608);
  });
});
