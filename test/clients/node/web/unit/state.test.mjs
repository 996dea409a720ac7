// The state of the page: who is told, names, counts, read marks, and the order of rooms.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { answers, asked, load, message, room, settled } from './client.mjs';

const store = await load('store.js');
const rooms = await load('rooms.js');
const people = await load('people.js');
const tasks = await load('tasks.js');
const { state } = store;
const ann = { id: 5, username: 'ann', display_name: 'Ann' };
const bob = { id: 7, username: 'bob', display_name: 'Bob' };

beforeEach(() => {
  answers(() => ({ status: 404 }));
  store.reset();
  store.keepMe(ann);
});
afterEach(() => tasks.forgetMissed());

test('many changes are one call, and a view that fails does not hold up the others', async (t) => {
  const over = new AbortController();
  t.after(() => over.abort());
  const { error } = console;
  const complaints = [];
  console.error = (err) => complaints.push(err);
  t.after(() => {
    console.error = error;
  });
  let calls = 0;
  store.watch(
    ['rooms'],
    () => {
      throw new Error('on purpose');
    },
    over.signal,
  );
  store.watch(['rooms', 'me'], () => calls++, over.signal);
  await null;
  calls = 0;
  complaints.length = 0;
  store.changed('rooms');
  store.changed('me', 'rooms');
  await null;
  assert.deepEqual([calls, complaints.length], [1, 1]);
  over.abort();
  store.changed('rooms');
  await null;
  assert.equal(calls, 1);
});

test('a newer name is shown wherever an older one stands', () => {
  state.rooms.set(1, room(1, { kind: 'direct', name: undefined, users: [ann, bob] }));
  people.heardOf(bob);
  people.heardOf({ ...bob, display_name: 'Robert' });
  assert.equal(store.current(bob).display_name, 'Robert');
  assert.equal(store.roomTitle(state.rooms.get(1)), 'Robert');
});

test('an event that counts a message does not bring an old name back', () => {
  rooms.keepRoom(room(1, { kind: 'direct', name: undefined, users: [ann, bob] }));
  people.heardOf({ ...bob, display_name: 'Robert' });
  rooms.countMessage(message(1));
  assert.equal(store.roomTitle(state.rooms.get(1)), 'Robert');
});

test('one’s own name in an event is a hint alone: it may be from before', async () => {
  answers((method, path) => (path === '/v1/users/me' ? { data: { ...ann, display_name: 'Annie' } } : { status: 404 }));
  people.heardOf({ ...ann, display_name: 'An old name' });
  assert.equal(state.me.display_name, 'Ann');
  await settled(() => state.me.display_name === 'Annie');
  assert.equal(store.current(ann).display_name, 'Annie');
});

test('rooms are ordered by their activity, where the server tells it', () => {
  const at = (h) => `2026-01-01T0${h}:00:00.000Z`;
  const order = (...all) => rooms.byActivity(all).map((r) => r.id);
  assert.deepEqual(
    order(room(1, { updated_at: at(1) }), room(2, { updated_at: at(3) }), room(3, { updated_at: at(2) })),
    [2, 3, 1],
  );
  assert.deepEqual(
    order(room(1, { updated_at: at(9), active_at: at(1) }), room(2, { updated_at: at(3), active_at: at(3) })),
    [2, 1],
    'a change of its name is no activity',
  );
  assert.deepEqual(order(room(1), room(2)), [2, 1]);
  state.rooms.set(1, room(1, { updated_at: at(1), active_at: at(1) }));
  state.rooms.set(2, room(2, { updated_at: at(2), active_at: at(2) }));
  rooms.countMessage(message(1, { created_at: at(3) }));
  assert.deepEqual(order(...state.rooms.values()), [1, 2]);
});

test('messages are counted once, one’s own are not new, and reading takes the count away', () => {
  state.rooms.set(1, room(1));
  for (const m of [message(1), message(1), message(2, { sender: ann }), message(3)]) rooms.countMessage(m);
  assert.equal(state.rooms.get(1).membership.unread_count, 2);
  assert.equal(state.rooms.get(1).message_count, 3);
  rooms.countRead({ room_id: 1, user_id: ann.id, message_id: 3 });
  assert.equal(state.rooms.get(1).membership.unread_count, 0);
});

test('what was looked at is recorded, though no event counted it', async () => {
  state.rooms.set(1, room(1, { membership: { muted: true } }));
  answers(() => ({ status: 204 }));
  await rooms.markRead(1, 4);
  assert.deepEqual(asked, ['PUT /v1/rooms/1/read']);
  await rooms.markRead(1, 4);
  await rooms.markRead(1, 2);
  assert.equal(asked.length, 1, 'and once');
  assert.equal(state.rooms.get(1).membership.last_read_id, 4);
});

test('nothing to record is nothing to ask', async () => {
  state.rooms.set(1, room(1));
  await rooms.markRead(1, 0);
  await rooms.markRead(2, 3);
  assert.deepEqual(asked, []);
});

test('a read mark that is refused is not sent again and again', async () => {
  const known = room(3, { last_message_id: 4, membership: { unread_count: 2 } });
  state.rooms.set(3, known);
  answers((method) => (method === 'PUT' ? { status: 403, data: { code: 'forbidden' } } : { data: known }));
  await rooms.markRead(3, 4);
  await settled(
    () => asked.includes('GET /v1/rooms/3'),
    () => state.rooms.get(3).membership.unread_count === 2,
  );
  await rooms.markRead(3, 4);
  assert.equal(asked.filter((a) => a.startsWith('PUT')).length, 1);
});

test('what could not be read is read when the server is back', async () => {
  let down = true;
  answers(() => (down ? { status: 503 } : { data: room(1, { name: 'new' }) }));
  state.rooms.set(1, room(1));
  void rooms.refreshRoom(1);
  await settled(() => asked.length === 1);
  down = false;
  tasks.isBack();
  await settled(() => state.rooms.get(1).name === 'new');
  assert.equal(state.rooms.get(1).name, 'new');
});
