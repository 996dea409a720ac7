// Locks that tabs share, without those of the browser.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { until } from '../web/server.mjs';
import { tabs } from './tabs.mjs';

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
  await Promise.all([...tabs, ...tabs].map((tab) => tab.hold('refresh', turn)));
  assert.deepEqual([most, turns], [1, 6]);
});

test('a failed function releases its lock, and its error is thrown', async () => {
  await assert.rejects(
    tabs[0].hold('failing', async () => {
      throw new Error('on purpose');
    }),
    /on purpose/,
  );
  assert.equal(await tabs[1].hold('failing', async () => 'mine'), 'mine');
});

test('who waits for the end of a page never gets the lock before the page itself', async () => {
  const ends = [];
  const gone = [];
  const { signal } = new AbortController();
  for (let page = 0; page < 20; page++) {
    void tabs[0].hold(
      `page ${page}`,
      () =>
        new Promise((end) => {
          ends.push(end);
        }),
    );
    tabs[1].whenGone(`page ${page}`, async () => gone.push(page), signal);
  }
  await until(() => ends.length === 20);
  assert.deepEqual(gone, []);
  for (const end of ends) end();
  await until(() => gone.length === 20);
});

test('a lock that is kept is held from the first moment', async () => {
  const page = new Worker(new URL('./alive.mjs', import.meta.url)); // it never ends by itself
  const [order] = await once(page, 'message');
  await page.terminate();
  assert.deepEqual(order, ['another']);
});
