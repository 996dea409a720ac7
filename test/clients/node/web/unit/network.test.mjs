// Errors of the network, of the server and of this program; and locks without those of the browser.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { setServer, load, waitFor } from './client.mjs';

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

/** Tabs of one browser, each with its own instance of the module. */
const tabs = await Promise.all([1, 2, 3].map((n) => load('locks.js', `tab${n}`)));

test('a negotiated lock is held by one tab at a time', async () => {
  let inside = 0;
  let most = 0;
  let turns = 0;
  const turn = async () => {
    most = Math.max(most, ++inside);
    turns++;
    await new Promise((done) => {
      setTimeout(done, 20);
    });
    inside--;
  };
  await Promise.all([...tabs, ...tabs].map(({ withLock }) => withLock('refresh', turn)));
  assert.deepEqual([most, turns], [1, 6]);
});

test('a failed function releases its lock, and its error is thrown', async () => {
  await assert.rejects(
    tabs[0].withLock('failing', async () => {
      throw new Error('on purpose');
    }),
    /on purpose/,
  );
  assert.equal(await tabs[1].withLock('failing', async () => 'mine'), 'mine');
});

test('whenPageGone never gets the lock before the page itself', async () => {
  const ends = [];
  const gone = [];
  for (let page = 0; page < 20; page++) {
    void tabs[0].withLock(
      `page ${page}`,
      () =>
        new Promise((end) => {
          ends.push(end);
        }),
    );
    void tabs[1].whenPageGone(`page ${page}`, async () => {
      gone.push(page);
    });
  }
  await waitFor(() => ends.length === 20);
  assert.deepEqual([ends.length, gone], [20, []]);
  for (const end of ends) end();
  await waitFor(() => gone.length === 20);
  assert.equal(gone.length, 20);
});

test('holdWhileAlive holds its lock from the first moment', async () => {
  const page = new Worker(new URL('./alive.mjs', import.meta.url)); // it never ends by itself
  const [order] = await once(page, 'message');
  await page.terminate();
  assert.deepEqual(order, ['another']);
});
