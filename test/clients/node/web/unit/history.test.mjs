// The loaded range of a room's history, in whatever order responses and events arrive.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setServer, requests, load, message, waitFor } from './client.mjs';

const { History } = await load('history.js');
const { state } = await load('store.js');

/**
 * Makes the fake server have a room with n messages, with the given changes by id. It responds with what there is at
 * the time of the request, but not before released resolves.
 */
function serveRoom(n, changes = {}, released = undefined) {
  const all = Array.from({ length: n }, (_, i) => message(i + 1, changes[i + 1]));
  const respond = (path) => {
    const url = new URL(path, 'http://parley.example');
    const one = /messages\/(\d+)$/.exec(url.pathname);
    if (one) return all[one[1] - 1] ? { data: all[one[1] - 1] } : { status: 404, data: { code: 'not_found' } };
    const q = (name) => Number(url.searchParams.get(name));
    const limit = q('limit');
    if (q('after')) {
      const rest = all.filter((m) => m.id > q('after'));
      return { data: { items: rest.slice(0, limit), ...(rest.length > limit && { next_cursor: 'more' }) } };
    }
    const until = q('before') ? q('before') - 1 : q('around') ? q('around') + limit / 2 : all.length;
    const rest = all.filter((m) => m.id <= until);
    return { data: { items: rest.slice(-limit), ...(rest.length > limit && { next_cursor: 'more' }) } };
  };
  setServer(async (_method, path) => {
    const response = respond(path);
    await released;
    return response;
  });
  return all;
}

const ids = (history) => history.list.map((m) => m.id);
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('the newest page, then older pages, each message once', async () => {
  serveRoom(120);
  const history = new History(1);
  await history.loadNewest();
  assert.deepEqual(ids(history), numbers(71, 120));
  await history.loadMore('older');
  await history.loadMore('older');
  assert.deepEqual(ids(history), numbers(1, 120));
  assert.ok(!history.hasOlder && !history.hasNewer);
});

test('an event that is repeated, or repeats a response, adds one message', async () => {
  const all = serveRoom(3);
  const history = new History(1);
  await history.loadNewest();
  assert.equal(history.add(all[2]), false);
  all.push(message(4));
  assert.equal(history.add(message(4)), true);
  assert.equal(history.add(message(4)), false);
  assert.deepEqual(ids(history), [1, 2, 3, 4]);
});

test('a gap before an event is loaded', async () => {
  const all = serveRoom(3);
  const history = new History(1);
  await history.loadNewest();
  all.push(message(4), message(5), message(6));
  history.add(message(6));
  await waitFor(() => ids(history).length === 6);
  assert.deepEqual(ids(history), numbers(1, 6));
});

test('a message that arrives in a list without messages does not hide the earlier ones', async () => {
  const all = serveRoom(0);
  const history = new History(1);
  await history.loadNewest();
  all.push(message(1), message(2)); // their events were missed
  history.add(message(2));
  await waitFor(() => ids(history).length === 2);
  assert.deepEqual(ids(history), [1, 2]);
  history.clear(2);
  assert.equal(history.add(message(3)), true, 'the next one after those that were cleared is shown at once');
  assert.deepEqual(ids(history), [3]);
});

test('a message that arrives while a page is loading is not lost', async () => {
  let release;
  const all = serveRoom(
    3,
    {},
    new Promise((resolve) => {
      release = resolve;
    }),
  );
  const history = new History(1);
  const reading = history.loadNewest();
  await waitFor(() => requests.length === 1);
  all.push(message(4));
  history.add(message(4));
  release();
  await reading;
  assert.deepEqual(ids(history), [1, 2, 3], 'the page does not have it');
  await waitFor(() => ids(history).length === 4);
  assert.deepEqual(ids(history), [1, 2, 3, 4]);
});

test('a deleted message stays deleted, and an older response does not undo an edit', async () => {
  serveRoom(2, { 1: { edited_at: '2026-01-02T00:00:00.000Z', text: 'second' } });
  const history = new History(1);
  await history.loadNewest();
  history.merge(message(1, { text: 'first' }));
  assert.equal(history.get(1).text, 'second');
  history.remove(2);
  history.merge(message(2));
  assert.ok(history.get(2).deleted_at);
  assert.equal(history.get(2).text, undefined);
});

test('an event does not change whether a reaction is the user’s own', async () => {
  const mine = [{ emoji: '🎉', count: 1, me: true }];
  serveRoom(1, { 1: { reactions: mine } });
  const history = new History(1);
  await history.loadNewest();
  history.merge(
    message(1, { text: 'edited', edited_at: '2026-01-02T00:00:00.000Z', reactions: [{ emoji: '🎉', count: 1 }] }),
    true,
  );
  assert.deepEqual(history.get(1).reactions, mine);
});

test('a long history is cut at the far end', async () => {
  serveRoom(1000);
  const history = new History(1);
  await history.loadNewest();
  for (let i = 0; i < 8; i++) await history.loadMore('older');
  assert.equal(ids(history).length, 300);
  assert.ok(history.hasNewer && history.hasOlder);
  assert.equal(history.add(message(1001)), false, 'the end is not loaded');
});

test('a cleared history is empty, and has no older messages', async () => {
  serveRoom(3);
  const history = new History(1);
  await history.loadNewest();
  history.clear(2);
  assert.deepEqual(ids(history), [3]);
  assert.ok(!history.hasOlder);
});

test('a quoted message that could not be loaded is retried; a missing one is null', async () => {
  serveRoom(1);
  const history = new History(1);
  assert.equal(history.quotedMessage(9), undefined);
  await waitFor(() => history.quoted.has(9));
  assert.equal(history.quotedMessage(9), null);
  setServer(() => ({ status: 503 }));
  history.quotedMessage(1);
  await waitFor(() => requests.length === 1);
  serveRoom(1);
  (await load('tasks.js')).onServerBack();
  await waitFor(() => history.quoted.has(1));
  assert.equal(history.quotedMessage(1).id, 1);
});

test('the newest message of other users is found before the user’s own', async () => {
  state.me = { id: 5 };
  serveRoom(3, { 3: { sender: { id: 5, username: 'me', display_name: 'Me' } } });
  const history = new History(1);
  assert.equal(history.lastFromOthers(5), 0);
  await history.loadNewest();
  assert.equal(history.lastFromOthers(5), 2);
});
