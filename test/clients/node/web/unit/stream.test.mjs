// What the page does with the events of the stream.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { load, requests, room, setServer, waitFor } from './client.mjs';

const [events, stream, store] = await Promise.all(['events.js', 'stream.js', 'store.js'].map((name) => load(name)));
const ann = { id: 5, username: 'ann', display_name: 'Ann' };
after(() => stream.stop());

/** @type {(name: string, data: object) => void} */
let push = () => {};
setServer((_method, path) => {
  if (path !== '/v1/events') return path === '/v1/rooms/1' ? { data: room(1) } : { status: 204 };
  const start = (controller) => {
    push = (name, data) =>
      controller.enqueue(new TextEncoder().encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`));
    push('ready', { stream_id: 's1', resumed: true });
  };
  return { stream: new ReadableStream({ start }) };
});

test('a room that the user has left and joined again at once is entered again', async () => {
  store.setMe(ann);
  stream.on.event = events.apply;
  await stream.join(ann.id);
  stream.start('epoch-1');
  stream.setRoom(1);
  const entries = () => requests.filter((r) => r === 'PUT /v1/rooms/1/presence/s1').length;
  await waitFor(() => entries() === 1);
  const change = { room_id: 1, user: ann };
  push('member.left', change);
  push('member.joined', change);
  await waitFor(() => entries() === 2);
  assert.equal(entries(), 2);
});
