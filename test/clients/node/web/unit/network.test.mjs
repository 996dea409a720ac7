// What is the network's, what the server's and what this program's; and locks where the browser has none.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { answers, load, settled } from './client.mjs';

const { arrived, call, isPassing, plain, Problem, Unreachable } = await load('api.js');
const failure = (f) =>
  f.then(
    () => assert.fail('it worked'),
    (err) => err,
  );

test('no answer, or one of somebody else, is the network’s', async () => {
  answers(() => {
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
    (await failure(arrived(Promise.reject(new TypeError('Failed to fetch dynamically imported module: x'))))) instanceof
      Unreachable,
  );
});

test('a fault of this program is not the network’s', async (t) => {
  answers(() => ({ data: {} }));
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
    assert.ok(!(err instanceof Unreachable) && !isPassing(err), String(err));
    assert.match(plain(err), /Something went wrong here/);
  }
  assert.ok(!isPassing(await failure(arrived(Promise.reject(new TypeError('x is not a function'))))));
  assert.equal(complaints.length, 3, 'and the console has it');
});

test('refusals are the server’s, and some of them pass', async () => {
  for (const [status, passes] of [
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
    answers(() => ({ status, data: { code: 'some', detail: 'Because.' } }));
    const err = await failure(call('GET', '/v1/rooms', { open: true }));
    assert.ok(err instanceof Problem, String(err));
    assert.equal(isPassing(err), passes, String(status));
  }
});

/** Tabs of one browser, each with the module's state of its own. */
const tabs = await Promise.all([1, 2, 3].map((n) => load('locks.js', `tab${n}`)));

test('a lock without the browser’s is held by one at a time', async () => {
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
  await Promise.all([...tabs, ...tabs].map(({ alone }) => alone('refresh', turn)));
  assert.deepEqual([most, turns], [1, 6]);
});

test('what fails gives its lock back, and its error', async () => {
  await assert.rejects(
    tabs[0].alone('failing', async () => {
      throw new Error('on purpose');
    }),
    /on purpose/,
  );
  assert.equal(await tabs[1].alone('failing', async () => 'mine'), 'mine');
});

test('who waits for the end of a page never comes before it', async () => {
  const ends = [];
  const gone = [];
  for (let page = 0; page < 20; page++) {
    void tabs[0].alone(
      `page ${page}`,
      () =>
        new Promise((end) => {
          ends.push(end);
        }),
    );
    void tabs[1].whenGone(`page ${page}`, async () => {
      gone.push(page);
    });
  }
  await settled(() => ends.length === 20);
  assert.deepEqual([ends.length, gone], [20, []]);
  for (const end of ends) end();
  await settled(() => gone.length === 20);
  assert.equal(gone.length, 20);
});

test('a page that lives has the lock that says so from the first moment', async () => {
  const page = new Worker(new URL('./alive.mjs', import.meta.url)); // it waits for ever
  const [order] = await once(page, 'message');
  await page.terminate();
  assert.deepEqual(order, ['another']);
});
