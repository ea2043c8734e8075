// SPDX-License-Identifier: MIT
//
// Installing units and rules below a root: what is written, what is left alone, and what is removed.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { applyUnits, listUnits, planUnits, type UnitPlanOptions, VmbusError } from '../../dist/index.js';
import { catalog } from '../../dist/services/units/catalog.js';

const roots: string[] = [];
after(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

function makeRoot(mark: string | null = 'usr/lib/systemd/systemd'): string {
  const root = mkdtempSync(path.join(tmpdir(), 'vmbus-units-'));
  roots.push(root);
  if (mark !== null) put(root, mark, '');
  return root;
}

function put(root: string, file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

const unit = 'etc/systemd/system/vmbus-on-shutdown.service';
const rule = 'etc/udev/rules.d/60-vmbus-ptp.rules';

function install(root: string, more: Partial<UnitPlanOptions> = {}): readonly string[] {
  return applyUnits(planUnits({ root, action: 'install', names: ['on-shutdown', 'ptp-link'], ...more })).map(
    ({ kind, path: file }) => `${kind} ${file}`,
  );
}
const remove = (root: string, more: Partial<UnitPlanOptions> = {}): readonly string[] =>
  install(root, { action: 'uninstall', ...more });
const stateOf = (root: string, name: string): string | undefined =>
  listUnits({ root }).find((one) => one.name === name)?.state;

describe('installing', () => {
  it('writes each file below the root, and says which commands make it count', () => {
    const root = makeRoot();
    const plan = planUnits({ root, action: 'install', names: ['on-shutdown', 'ptp-link'] });
    assert.equal(existsSync(path.join(root, unit)), false, 'a plan changes nothing');
    applyUnits(plan);

    assert.match(readFileSync(path.join(root, unit), 'utf8'), /^ExecStart=\/usr\/bin\/env hv on shutdown -- /m);
    assert.equal(statSync(path.join(root, rule)).mode & 0o777, 0o644);
    assert.deepEqual(plan.next, [
      'systemctl daemon-reload && systemctl enable --now vmbus-on-shutdown.service',
      'udevadm control --reload && udevadm trigger',
    ]);
    assert.equal(stateOf(root, 'on-shutdown'), 'installed');
  });

  it('shows every line that it would write', () => {
    const [step] = planUnits({ root: makeRoot(), action: 'install', names: ['ptp-link'] }).steps;

    assert.ok(step?.diff.every((line) => line.startsWith('+')));
    assert.ok(step?.diff.includes('+SUBSYSTEM=="ptp", ATTR{clock_name}=="hyperv", SYMLINK+="ptp_hyperv"'));
  });

  it('twice changes nothing the second time', () => {
    const root = makeRoot();
    install(root);

    assert.deepEqual(install(root), []);
  });

  it('names the command that runs it where PATH would not find it', () => {
    const root = makeRoot();
    install(root, { hv: '/opt/vmbus/bin/hv' });

    assert.match(readFileSync(path.join(root, unit), 'utf8'), /^ExecStart=\/opt\/vmbus\/bin\/hv on shutdown/m);
    assert.equal(stateOf(root, 'on-shutdown'), 'installed');
    assert.throws(() => install(root, { hv: '/opt/hv; reboot' }), /without spaces/);
  });

  it('leaves alone what somebody else wrote, shows the difference, and does the rest', () => {
    const root = makeRoot();
    put(root, unit, '[Service]\nExecStart=/bin/mine\n');
    const plan = planUnits({ root, action: 'install', names: ['on-shutdown', 'ptp-link'] });

    assert.equal(plan.refused, 1);
    assert.deepEqual(
      applyUnits(plan).map((one) => one.path),
      [`/${rule}`],
    );
    assert.match(plan.steps[0]?.reason ?? '', /has not written/);
    assert.ok(plan.steps[0]?.diff.includes('-ExecStart=/bin/mine'));
    assert.equal(readFileSync(path.join(root, unit), 'utf8'), '[Service]\nExecStart=/bin/mine\n');
    assert.deepEqual(install(root, { force: true }), [`replace /${unit}`]);
  });

  it('leaves alone what was changed after we wrote it', () => {
    const root = makeRoot();
    install(root);
    writeFileSync(path.join(root, unit), `${readFileSync(path.join(root, unit), 'utf8')}Nice=5\n`);

    assert.equal(stateOf(root, 'on-shutdown'), 'changed');
    assert.equal(planUnits({ root, action: 'install', names: ['on-shutdown'] }).refused, 1);
    assert.deepEqual(remove(root), [`remove /${rule}`]);
    assert.deepEqual(remove(root, { force: true }), [`remove /${unit}`]);
  });

  it('brings an older file of ours up to date', () => {
    const root = makeRoot();
    install(root, { hv: '/old/hv' });

    assert.deepEqual(install(root), [`update /${unit}`]);
  });

  it('does not replace a file that came after the plan was made', () => {
    const root = makeRoot();
    const plan = planUnits({ root, action: 'install', names: ['ptp-link'] });
    put(root, rule, 'mine\n');

    assert.deepEqual(applyUnits(plan), []);
    assert.equal(readFileSync(path.join(root, rule), 'utf8'), 'mine\n');
  });

  it('never follows a link out of the root, and never writes through one', () => {
    const root = makeRoot();
    const elsewhere = makeRoot(null);
    symlinkSync(elsewhere, path.join(root, 'etc'));
    assert.deepEqual(install(root, { force: true }), []);
    assert.equal(existsSync(path.join(elsewhere, 'systemd')), false);

    const masked = makeRoot();
    mkdirSync(path.join(masked, path.dirname(unit)), { recursive: true });
    symlinkSync('/dev/null', path.join(masked, unit));
    const [step] = planUnits({ root: masked, action: 'install', names: ['on-shutdown'] }).steps;
    assert.deepEqual([step?.kind, step?.reason], ['refuse', 'there is a link to /dev/null']);
  });
});

describe('systems', () => {
  it("without systemd are told what stands in a unit's stead, and get rules all the same", () => {
    const root = makeRoot('sbin/openrc');

    assert.throws(
      () => install(root),
      (error: unknown) =>
        VmbusError.is(error) && error.code === 'ERR_VMBUS_UNSUPPORTED' && /local\.d/.test(error.message),
    );
    assert.deepEqual(install(root, { names: ['ptp-link'] }), [`write /${rule}`]);
    assert.equal(stateOf(root, 'on-shutdown'), 'unavailable');
  });

  it('that show nothing of themselves want to be named', () => {
    const root = makeRoot(null);

    assert.throws(() => install(root), /--init/);
    assert.equal(install(root, { init: 'systemd' }).length, 2);
  });

  it('captured in a snapshot are only to be read', () => {
    const root = makeRoot();
    put(root, 'snapshot.json', '{}');

    assert.throws(
      () => install(root),
      (error: unknown) => VmbusError.is(error) && error.code === 'ERR_VMBUS_UNSUPPORTED',
    );
  });
});

describe('removing', () => {
  it('takes away what is ours, whatever version wrote it, and nothing else', () => {
    const root = makeRoot();
    install(root, { hv: '/old/hv' });
    put(root, 'etc/udev/rules.d/99-mine.rules', 'mine\n');

    assert.deepEqual(remove(root), [`remove /${unit}`, `remove /${rule}`]);
    assert.ok(existsSync(path.join(root, 'etc/udev/rules.d/99-mine.rules')));
    assert.deepEqual(remove(root), []);
  });
});

describe('the catalog', () => {
  it('refuses names that it has not got, with the nearest', () => {
    assert.throws(() => install(makeRoot(), { names: ['on-shutdwn'] }), /did you mean on-shutdown/);
  });

  it('ships every file that it names, and each unit conflicts with those it says', () => {
    for (const { files, conflicts, command } of catalog)
      for (const list of [files.systemd, files.openrc])
        for (const { source } of typeof list === 'string' ? [] : list) {
          const text = readFileSync(new URL(`../../contrib/${source}`, import.meta.url), 'utf8');
          if (command !== null) assert.ok(text.includes(`/usr/bin/env hv`) && text.includes(command), source);
          if (source.startsWith('systemd/'))
            assert.deepEqual(/^Conflicts=(.*)$/m.exec(text)?.[1]?.split(' ') ?? [], conflicts, source);
        }
  });
});
