// SPDX-License-Identifier: MIT
//
// Runs test executables one after the other, prints one line for each, and adds up what they counted.
// Called by: test-core.mjs, test-sanitize.mjs.
import { spawn, spawnSync } from 'node:child_process';
import process from 'node:process';

/** Runs a program to its end. @returns {Promise<{ status: number | string, output: string, seconds: number }>} */
export function run(command, args, { env = {}, timeoutMs = 120_000 } = {}) {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk) => {
      output = (output + chunk).slice(-200_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.on('error', (error) => collect(error.message));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const status = late ? `no end after ${timeoutMs / 1000} s` : (code ?? signal);
      resolve({ status, output, seconds: (performance.now() - started) / 1000 });
    });
  });
}

// gcc's ThreadSanitizer needs its shadow memory where address randomisation may have put something else.
export function withoutRandomAddresses() {
  const setarch = ['setarch', process.arch === 'arm64' ? 'aarch64' : 'x86_64', '-R'];
  const works = spawnSync(setarch[0], [...setarch.slice(1), 'true']).status === 0;
  return works ? setarch : [];
}

/** The lines and the sum of a run of many executables. */
export class Report {
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  #line(word, name, detail, seconds) {
    const time = seconds === undefined ? '' : `${seconds.toFixed(1)} s`;
    console.log(`${word} ${name.padEnd(62)} ${detail.padEnd(20)} ${time.padStart(7)}`.trimEnd());
  }

  /** An executable that counts its own tests in its last line. */
  async counted(name, command, args = [], options = {}) {
    const result = await run(command, args, options);
    const counts = [...result.output.matchAll(/(\d+) passed, (\d+) failed, (\d+) skipped/g)].at(-1);
    const [passed, failed, skipped] = counted(counts);
    const broke = result.status !== 0 && failed === 0;
    this.#passed += passed;
    this.#failed += failed + (broke ? 1 : 0);
    this.#skipped += skipped;
    const ok = result.status === 0 && counts;
    this.#line(ok ? 'ok  ' : 'FAIL', name, broke ? `ended with ${result.status}` : `${passed} passed`, result.seconds);
    if (!ok || skipped) console.log(indent(result.output));
  }

  /** One test whose verdict is a status (and perhaps a word in the output) of a program; `tell` adds to its line. */
  async single(name, command, args, { accept, word, tell = () => '', ...options }) {
    const result = await run(command, args, options);
    const ok = accept.includes(result.status) && (!word || result.output.includes(word));
    if (ok) this.#passed += 1;
    else this.#failed += 1;
    this.#line(ok ? 'ok  ' : 'FAIL', name, ok ? tell(result.output) : `ended with ${result.status}`, result.seconds);
    if (!ok) console.log(indent(result.output));
    return ok;
  }

  skip(name, reason) {
    this.#skipped += 1;
    this.#line('skip', name, reason);
  }

  fail(name, reason) {
    this.#failed += 1;
    this.#line('FAIL', name, '');
    console.log(indent(reason));
  }

  /** Prints the sum and sets the exit status. */
  end() {
    console.log(`${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped`);
    process.exitCode = this.#failed ? 1 : 0;
  }
}

function counted(match) {
  return match ? match.slice(1).map(Number) : [0, 0, 0];
}

function indent(text) {
  const lines = text.trimEnd().split('\n');
  const shown = lines.length > 60 ? [...lines.slice(0, 40), '...', ...lines.slice(-19)] : lines;
  return shown.map((line) => `     ${line}`).join('\n');
}
