// The stretch of a room's history that is at hand, whatever order answers and events come in.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answers, asked, load, message, settled } from './client.mjs';

const { History } = await load('history.js');
const { state } = await load('store.js');

/** Answers from a room with so many messages, as the server does. */
function roomOf(n, but = {}) {
  const all = Array.from({ length: n }, (_, i) => message(i + 1, but[i + 1]));
  answers((method, path) => {
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
  });
  return all;
}

const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('the newest page, then older ones, each message once', async () => {
  roomOf(120);
  const history = new History(1);
  await history.newest();
  assert.deepEqual(history.ids, numbers(71, 120));
  await history.older();
  await history.older();
  assert.deepEqual(history.ids, numbers(1, 120));
  assert.ok(!history.hasOlder && !history.hasNewer);
});

test('an event twice, late, or of what an answer had, is one message', async () => {
  const all = roomOf(3);
  const history = new History(1);
  await history.newest();
  assert.equal(history.add(all[2]), false);
  all.push(message(4));
  assert.equal(history.add(message(4)), true);
  assert.equal(history.add(message(4)), false);
  assert.deepEqual(history.ids, [1, 2, 3, 4]);
});

test('a hole that an event shows is read', async () => {
  const all = roomOf(3);
  const history = new History(1);
  await history.newest();
  all.push(message(4), message(5), message(6));
  history.add(message(6));
  await settled(() => history.ids.length === 6);
  assert.deepEqual(history.ids, numbers(1, 6));
});

test('what comes while a page is read is not forgotten', async () => {
  const all = roomOf(3);
  const history = new History(1);
  const reading = history.newest();
  all.push(message(4));
  history.add(message(4));
  await reading;
  await settled(() => history.ids.length === 4);
  assert.deepEqual(history.ids, [1, 2, 3, 4]);
});

test('a deleted message stays deleted, and an edit is not undone by an older answer', async () => {
  roomOf(2, { 1: { edited_at: '2026-01-02T00:00:00.000Z', text: 'second' } });
  const history = new History(1);
  await history.newest();
  history.merge(message(1, { text: 'first' }));
  assert.equal(history.messages.get(1).text, 'second');
  history.remove(2);
  history.merge(message(2));
  assert.ok(history.messages.get(2).deleted_at);
  assert.equal(history.messages.get(2).text, undefined);
});

test('an event knows not whose reactions are', async () => {
  const mine = [{ emoji: '🎉', count: 1, me: true }];
  roomOf(1, { 1: { reactions: mine } });
  const history = new History(1);
  await history.newest();
  history.merge(
    message(1, { text: 'edited', edited_at: '2026-01-02T00:00:00.000Z', reactions: [{ emoji: '🎉', count: 1 }] }),
    true,
  );
  assert.deepEqual(history.messages.get(1).reactions, mine);
});

test('a long history is cut at the far end', async () => {
  roomOf(1000);
  const history = new History(1);
  await history.newest();
  for (let i = 0; i < 8; i++) await history.older();
  assert.equal(history.ids.length, 300);
  assert.ok(history.hasNewer && history.hasOlder);
  assert.equal(history.add(message(1001)), false, 'the end is not at hand');
});

test('a cleared history is empty, and has nothing before', async () => {
  roomOf(3);
  const history = new History(1);
  await history.newest();
  history.clear(2);
  assert.deepEqual(history.ids, [3]);
  assert.ok(!history.hasOlder);
});

test('an answered message that could not be read is tried again; one that is gone is gone', async () => {
  roomOf(1);
  const history = new History(1);
  assert.equal(history.quote(9), undefined);
  await settled(() => history.quoted.has(9));
  assert.equal(history.quote(9), null);
  answers(() => ({ status: 503 }));
  history.quote(1);
  await settled(() => asked.length === 1);
  roomOf(1);
  (await load('tasks.js')).isBack();
  await settled(() => history.quoted.has(1));
  assert.equal(history.quote(1).id, 1);
});

test('the newest message of others is found behind one’s own', async () => {
  state.me = { id: 5 };
  roomOf(3, { 3: { sender: { id: 5, username: 'me', display_name: 'Me' } } });
  const history = new History(1);
  assert.equal(history.lastOfOthers(5), 0);
  await history.newest();
  assert.equal(history.lastOfOthers(5), 2);
});
