// The loaded messages of a room, whatever the order in which responses and events arrive.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lowLevel } from '../../../../sdk/sdk.js';

const message = (id) => ({ id, room_id: 1, text: `message ${id}`, files: [], reactions: [] });
const tasks = { run: (_, f) => f() };
const idsOf = (messages) => messages.list.map((m) => m.id);

test('the response to a send that arrives after the messages were cleared brings nothing back', async () => {
  const messages = new lowLevel.Messages(1, { get: async () => ({ items: [] }) }, tasks, () => {});
  await messages.loadNewest();
  messages.add(message(1));
  messages.clear(1);
  assert.equal(messages.add(message(1)), false);
  assert.deepEqual(idsOf(messages), []);
  messages.add(message(2));
  assert.deepEqual(idsOf(messages), [2]);
});

test('the response to a send that arrives after a reaction does not take it away', async () => {
  const messages = new lowLevel.Messages(1, { get: async () => ({ items: [] }) }, tasks, () => {});
  await messages.loadNewest();
  messages.add(message(1));
  messages.react({ message_id: 1, emoji: '👍', count: 1 }, true);
  messages.add(message(1));
  assert.deepEqual(messages.get(1).reactions, [{ emoji: '👍', count: 1, me: true }]);
});

test('a page that was read before the messages were cleared brings nothing back', async () => {
  const page = deferred();
  const messages = new lowLevel.Messages(1, { get: () => page.promise }, tasks, () => {});
  const loading = messages.loadNewest();
  messages.clear(2);
  page.resolve({ items: [message(1), message(2), message(3)] });
  await loading;
  assert.deepEqual(idsOf(messages), [3]);
});

function deferred() {
  const d = {};
  d.promise = new Promise((resolve) => {
    d.resolve = resolve;
  });
  return d;
}
