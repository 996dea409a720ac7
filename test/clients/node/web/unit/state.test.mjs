// The state of the page: watchers, names, counts, read marks, and the order of rooms.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setServer, requests, load, message, room, waitFor } from './client.mjs';

const store = await load('store.js');
const rooms = await load('rooms.js');
const people = await load('people.js');
const tasks = await load('tasks.js');
const { state } = store;
const ann = { id: 5, username: 'ann', display_name: 'Ann' };
const bob = { id: 7, username: 'bob', display_name: 'Bob' };

beforeEach(() => {
  setServer(() => ({ status: 404 }));
  store.reset();
  store.setMe(ann);
});
afterEach(() => tasks.clearMissed());

test('several changes cause one call, and a failing watcher does not affect the others', async (t) => {
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
  store.notify('rooms');
  store.notify('me', 'rooms');
  await null;
  assert.deepEqual([calls, complaints.length], [1, 1]);
  over.abort();
  store.notify('rooms');
  await null;
  assert.equal(calls, 1);
});

test('a newer name replaces an older one everywhere', () => {
  state.rooms.set(1, room(1, { kind: 'direct', name: undefined, users: [ann, bob] }));
  people.putNameFromEvent(bob);
  people.putNameFromEvent({ ...bob, display_name: 'Robert' });
  assert.equal(store.withCurrentName(bob).display_name, 'Robert');
  assert.equal(store.roomTitle(state.rooms.get(1)), 'Robert');
});

test('an event that counts a message does not restore an old name', () => {
  rooms.updateRoom(room(1, { kind: 'direct', name: undefined, users: [ann, bob] }));
  people.putNameFromEvent({ ...bob, display_name: 'Robert' });
  rooms.countMessage(message(1));
  assert.equal(store.roomTitle(state.rooms.get(1)), 'Robert');
});

test('the user’s own name in an event may be outdated, and is read again', async () => {
  setServer((method, path) =>
    path === '/v1/users/me' ? { data: { ...ann, display_name: 'Annie' } } : { status: 404 },
  );
  people.putNameFromEvent({ ...ann, display_name: 'An old name' });
  assert.equal(state.me.display_name, 'Ann');
  await waitFor(() => state.me.display_name === 'Annie');
  assert.equal(store.withCurrentName(ann).display_name, 'Annie');
});

test('rooms are ordered by their last activity', () => {
  const at = (h) => `2026-01-01T0${h}:00:00.000Z`;
  const order = (...all) => rooms.sortByActivity(all).map((r) => r.id);
  assert.deepEqual(
    order(room(1, { updated_at: at(1) }), room(2, { updated_at: at(3) }), room(3, { updated_at: at(2) })),
    [2, 3, 1],
  );
  assert.deepEqual(
    order(room(1, { updated_at: at(9), active_at: at(1) }), room(2, { updated_at: at(3), active_at: at(3) })),
    [2, 1],
    'a change of the name is not an activity',
  );
  assert.deepEqual(order(room(1), room(2)), [2, 1]);
  state.rooms.set(1, room(1, { updated_at: at(1), active_at: at(1) }));
  state.rooms.set(2, room(2, { updated_at: at(2), active_at: at(2) }));
  rooms.countMessage(message(1, { created_at: at(3) }));
  assert.deepEqual(order(...state.rooms.values()), [1, 2]);
});

test('messages are counted once, the user’s own are not unread, and a read mark resets the count', () => {
  state.rooms.set(1, room(1));
  for (const m of [message(1), message(1), message(2, { sender: ann }), message(3)]) rooms.countMessage(m);
  assert.equal(state.rooms.get(1).membership.unread_count, 2);
  assert.equal(state.rooms.get(1).message_count, 3);
  rooms.applyRead({ room_id: 1, user_id: ann.id, message_id: 3 });
  assert.equal(state.rooms.get(1).membership.unread_count, 0);
});

test('a seen message is marked as read, though no event counted it', async () => {
  state.rooms.set(1, room(1, { membership: { muted: true } }));
  setServer(() => ({ status: 204 }));
  await rooms.markRead(1, 4);
  assert.deepEqual(requests, ['PUT /v1/rooms/1/read']);
  await rooms.markRead(1, 4);
  await rooms.markRead(1, 2);
  assert.equal(requests.length, 1, 'it is marked once');
  assert.equal(state.rooms.get(1).membership.last_read_id, 4);
});

test('without unread messages there is no request', async () => {
  state.rooms.set(1, room(1));
  await rooms.markRead(1, 0);
  await rooms.markRead(2, 3);
  assert.deepEqual(requests, []);
});

test('a refused read mark is not sent again', async () => {
  const known = room(3, { last_message_id: 4, membership: { unread_count: 2 } });
  state.rooms.set(3, known);
  setServer((method) => (method === 'PUT' ? { status: 403, data: { code: 'forbidden' } } : { data: known }));
  await rooms.markRead(3, 4);
  await waitFor(
    () => requests.includes('GET /v1/rooms/3'),
    () => state.rooms.get(3).membership.unread_count === 2,
  );
  await rooms.markRead(3, 4);
  assert.equal(requests.filter((a) => a.startsWith('PUT')).length, 1);
});

test('a failed read is repeated when the server is back', async () => {
  let down = true;
  setServer(() => (down ? { status: 503 } : { data: room(1, { name: 'new' }) }));
  state.rooms.set(1, room(1));
  void rooms.refreshRoom(1);
  await waitFor(() => requests.length === 1);
  down = false;
  tasks.onServerBack();
  await waitFor(() => state.rooms.get(1).name === 'new');
  assert.equal(state.rooms.get(1).name, 'new');
});
