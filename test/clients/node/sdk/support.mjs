// What the tests of the SDK share: the module that the server embeds, a server, and a network that can be disturbed.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, afterEach, before } from 'node:test';
import { Server, until } from '../web/server.mjs';

export { until };
export const { connect, lowLevel, memoryStorage, Problem, Unreachable, Unsent } =
  await import('../../../../sdk/sdk.js');
export const PASSWORD = 'correct horse';

/** A server for the tests of one file. */
export function useServer(...flags) {
  /** @type {any} */ const holder = {};
  before(async () => {
    holder.server = await Server.make(...flags);
    await holder.server.start();
  });
  after(() => holder.server.finish());
  return holder;
}

/** @type {any[]} */ const clients = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  hooks.splice(0);
  requests.splice(0);
});

/** A client that is closed after the test. */
export function open(options) {
  const client = connect(options);
  clients.push(client);
  return client;
}

/** A client of a new user. */
export async function signUp(server, username, options = {}) {
  const client = open({ server: server.base, ...options });
  await client.signUp({ username, password: PASSWORD });
  return client;
}

/** Keeps each entry in a file of a folder, as a program may do that outlives its process. */
export function fileStorage(folder) {
  mkdirSync(folder, { recursive: true });
  const file = (key) => `${folder}/${encodeURIComponent(key)}`;
  return {
    get: (key) => (existsSync(file(key)) ? readFileSync(file(key), 'utf8') : null),
    set: (key, value) => writeFileSync(file(key), value),
    remove: (key) => rmSync(file(key), { force: true }),
    keys: () => readdirSync(folder).map(decodeURIComponent),
  };
}

/** @type {((request: Request, next: (r: Request) => Promise<Response>) => Promise<Response> | undefined)[]} */
const hooks = [];
/** In Node.js, a request that is garbage does not pass on that it is aborted. @type {any[]} */ const requests = [];
const { fetch } = globalThis;
globalThis.fetch = (input, init) => {
  const request = new Request(input, init);
  requests.push(input, request);
  for (const hook of hooks) {
    const response = hook(request, fetch);
    if (response) return response;
  }
  return fetch(request);
};

/** Disturbs the requests of all clients until the end of the test: f responds in place of the network, or returns undefined. */
export function disturb(f) {
  hooks.push(f);
}

/** A response that never comes. @param {Request} request @returns {Promise<Response>} */
export const hang = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

/** Collects what requests there were, such as "POST /v1/sessions/refresh". */
export function record() {
  const all = [];
  hooks.unshift((request) => {
    all.push(`${request.method} ${new URL(request.url).pathname}`);
    return undefined;
  });
  return all;
}

/** A seeded source of random numbers (mulberry32). */
export function random(seed) {
  let a = seed;
  const next = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { below: (n) => Math.floor(next() * n), of: (list) => list[Math.floor(next() * list.length)] };
}

/** Waits until f returns what is expected. */
export async function eventually(f, expected, what) {
  let got;
  try {
    await until(async () => {
      got = await f();
      try {
        assert.deepEqual(got, expected);
        return true;
      } catch {
        return false;
      }
    }, what);
  } catch {
    assert.deepEqual(got, expected, what);
  }
}

export const texts = (room) => room.messages.map((m) => m.text ?? '(deleted)');
