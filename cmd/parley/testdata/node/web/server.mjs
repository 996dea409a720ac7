// The server under test, in a folder and on a port of its own, which a scene may kill and start again.
//
//   PARLEY_BIN  the program

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const folder = mkdtempSync(path.join(tmpdir(), 'parley-web-'));
const port = await freePort();
export const base = `http://127.0.0.1:${port}`;
const PATIENCE = 60_000; // of every wait: it bounds what hangs, and measures nothing

let server;
let log = '';

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const free = probe.address().port;
  probe.close();
  await once(probe, 'close');
  return free;
}

/** Starts the server, and waits until it is ready. */
export async function start() {
  const args = ['serve', '--listen', `127.0.0.1:${port}`, '--data-dir', folder, '--log-format', 'json'];
  const { PARLEY_BIN, ...env } = process.env; // the server refuses variables that are not its own
  server = spawn(PARLEY_BIN, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  server.stderr.setEncoding('utf8').on('data', (text) => { log += text; });
  await until(async () => {
    if (server.exitCode !== null) assert.fail(`the server did not start:\n${log}`);
    return (await fetch(`${base}/readyz`).catch(() => ({}))).ok;
  }, 'the server is ready');
}

/** Stops the server: as a crash does, or in good order, which is held to be one. */
export async function stop(signal) {
  const closed = once(server, 'close');
  server.kill(signal);
  const [status] = await closed;
  if (signal === 'SIGTERM') assert.equal(status, 0, `the server did not stop in good order:\n${log}`);
}

/** Ends the server for good. It must have had nothing to complain of. */
export async function finish() {
  if (server?.exitCode === null) await stop('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
  const faults = log.split('\n').filter((line) => /"level":"ERROR"|^panic:|DATA RACE/.test(line));
  assert.deepEqual(faults, [], log);
}

process.on('exit', () => server?.kill('SIGKILL')); // nothing stays behind when the tests are given up

/** Asks until the answer is yes. */
export async function until(ask, what = String(ask)) {
  for (const end = Date.now() + PATIENCE; !await ask();) {
    if (Date.now() > end) assert.fail(`never: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 30); });
  }
}

/** Calls the API, as another program of the same user would. */
export async function api(method, address, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(base + address, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${address}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}
