// The servers under test, each in a folder and on a port of its own, which a scene may kill and start again.
//
//   PARLEY_BIN  the program

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const PATIENCE = 60_000; // of every wait: it bounds what hangs, and measures nothing
const { PARLEY_BIN, ...env } = process.env; // the server refuses variables that are not its own
/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => {
  // nothing stays behind when the tests are given up
  for (const child of running) child.kill('SIGKILL');
});

export class Server {
  #child;
  #log = '';

  static async make() {
    const server = new Server();
    server.folder = mkdtempSync(path.join(tmpdir(), 'parley-web-'));
    server.port = await freePort();
    server.base = `http://127.0.0.1:${server.port}`;
    return server;
  }

  /** Starts the server, and waits until it is ready. */
  async start() {
    const args = ['serve', '--listen', `127.0.0.1:${this.port}`, '--data-dir', this.folder, '--log-format', 'json'];
    const child = spawn(PARLEY_BIN, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
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

  /** Stops the server: as a crash does, or in good order, which is held to be one. */
  async stop(signal) {
    const closed = once(this.#child, 'close');
    this.#child.kill(signal);
    const [status] = await closed;
    if (signal === 'SIGTERM') assert.equal(status, 0, `the server did not stop in good order:\n${this.#log}`);
  }

  /** Ends the server for good. It must have had nothing to complain of. */
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

/** Asks until the answer is yes. */
export async function until(ask, what = String(ask)) {
  for (const end = Date.now() + PATIENCE; !(await ask());) {
    if (Date.now() > end) assert.fail(`never: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 30);
    });
  }
}
