// The servers under test, each with its own folder and port. A scene may kill and restart them.
//
//   PARLEY_BIN  the program

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const PATIENCE = 120_000; // of every wait, in milliseconds: only a limit for what hangs, not a measurement
const { PARLEY_BIN, ...env } = process.env; // the server refuses unknown variables
/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => {
  // no server keeps running when the tests are aborted
  for (const child of running) child.kill('SIGKILL');
});

export class Server {
  #child;
  #log = '';

  /** @param {...string} flags of the program, beside its address and folder */
  static async make(...flags) {
    const server = new Server();
    server.flags = flags;
    server.folder = mkdtempSync(path.join(tmpdir(), 'parley-web-'));
    server.port = await freePort();
    server.base = `http://127.0.0.1:${server.port}`;
    return server;
  }

  /** Starts the server and waits until it is ready. */
  async start() {
    const args = ['serve', '--listen', `127.0.0.1:${this.port}`, '--data-dir', this.folder, '--log-format', 'json'];
    args.push(...this.flags);
    // With the race detector, garbage collection is dear, and there is little garbage.
    const child = spawn(PARLEY_BIN, args, { env: { ...env, GOGC: '400' }, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    running.add(child);
    child.once('close', () => running.delete(child));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#log += text;
    });
    await until(async () => {
      if (child.exitCode !== null) assert.fail(`the server did not start:\n${this.#log}`);
      return (await fetch(`${this.base}/readyz`).catch(() => ({}))).ok;
    }, 'the server is ready');
  }

  /** Stops the server: with SIGKILL as a crash, or with SIGTERM, which must end with status 0. */
  async stop(signal) {
    const closed = once(this.#child, 'close');
    this.#child.kill(signal);
    const [status] = await closed;
    if (signal === 'SIGTERM') assert.equal(status, 0, `the server did not stop cleanly:\n${this.#log}`);
  }

  /** Stops the server and deletes its folder. Its log must have no errors. */
  async finish() {
    if (running.has(this.#child)) await this.stop('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
    const faults = this.#log.split('\n').filter((line) => /"level":"ERROR"|^panic:|DATA RACE/.test(line));
    assert.deepEqual(faults, [], this.#log);
  }

  /** Calls the API, as another program of the same user would. */
  async api(method, address, body, token) {
    const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
    const answer = await fetch(this.base + address, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${method} ${address}: ${answer.status}`);
    return answer.status === 204 ? undefined : answer.json();
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const free = probe.address().port;
  probe.close();
  await once(probe, 'close');
  return free;
}

/** Waits until a condition holds. It is asked less often the longer that takes: each question costs a browser time. */
export async function until(condition, what = String(condition)) {
  const end = Date.now() + PATIENCE;
  for (let pause = 20; !(await condition()); pause = Math.min(200, pause * 1.5)) {
    if (Date.now() > end) assert.fail(`timeout: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, pause);
    });
  }
}
