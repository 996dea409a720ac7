// Errors of the network, of the server and of this program.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setServer, load } from './client.mjs';

const { mapImportError, call, isTransient, describeError, Problem, Unreachable } = await load('api.js');
const failure = (f) =>
  f.then(
    () => assert.fail('it worked'),
    (err) => err,
  );

test('no response, or one of a proxy, is a network error', async () => {
  setServer(() => {
    throw new TypeError('Failed to fetch');
  });
  assert.ok((await failure(call('GET', '/v1/rooms'))) instanceof Unreachable);
  const { fetch } = globalThis;
  globalThis.fetch = async () => new Response('<h1>Log in to the hotel’s network</h1>');
  try {
    assert.ok((await failure(call('GET', '/v1/rooms'))) instanceof Unreachable);
  } finally {
    globalThis.fetch = fetch;
  }
  assert.ok(
    (await failure(
      mapImportError(Promise.reject(new TypeError('Failed to fetch dynamically imported module: x'))),
    )) instanceof Unreachable,
  );
});

test('a bug in this program is not a network error', async (t) => {
  setServer(() => ({ data: {} }));
  const { error } = console;
  const complaints = [];
  console.error = (err) => complaints.push(err);
  t.after(() => {
    console.error = error;
  });
  const circular = {};
  circular.self = circular;
  for (const options of [{ body: circular }, { headers: { 'Parley-Password': 'not\nallowed' } }, { key: 'nor 🎉' }]) {
    const err = await failure(call('POST', '/v1/rooms', options));
    assert.ok(!(err instanceof Unreachable) && !isTransient(err), String(err));
    assert.match(describeError(err), /Something went wrong here/);
  }
  assert.ok(!isTransient(await failure(mapImportError(Promise.reject(new TypeError('x is not a function'))))));
  assert.equal(complaints.length, 3, 'it is logged to the console');
});

test('some error responses are transient', async () => {
  for (const [status, transient] of [
    [400, false],
    [403, false],
    [404, false],
    [408, true],
    [422, false],
    [429, true],
    [500, true],
    [501, false],
    [503, true],
  ]) {
    setServer(() => ({ status, data: { code: 'some', detail: 'Because.' } }));
    const err = await failure(call('GET', '/v1/rooms', { anonymous: true }));
    assert.ok(err instanceof Problem, String(err));
    assert.equal(isTransient(err), transient, String(status));
  }
});
