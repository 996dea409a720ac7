// What a client is told after its stream has broken, and of rooms that it is not in any more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disturb, eventually, lowLevel, record, signUp, texts, until, useServer } from './support.mjs';

const holder = useServer();

/** Breaks the stream of a client. The returned function lets it connect again. */
async function breakStream(client) {
  await until(() => client.connection === 'open');
  const own = `Bearer ${await client.http.token(false)}`;
  let isAway = true;
  disturb((request) =>
    isAway && request.url.includes('/v1/events') && request.headers.get('Authorization') === own
      ? Promise.reject(new TypeError('fetch failed'))
      : undefined,
  );
  client.rooms.account.wake(true);
  await until(() => client.connection === 'connecting');
  return () => {
    isAway = false;
    client.rooms.account.wake(true);
  };
}

/** Collects the messages that a client is told of. */
function listen(client) {
  const told = [];
  for (const name of ['message.created', 'message.notification'])
    client.on(name, (m) => told.push(`${name.slice(8)}: ${m.text}`));
  return told;
}

test('messages of the time of a break are message.created in a room that is open, muted or not', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'ann');
  const bob = await signUp(server, 'bob');
  const rooms = [];
  for (const handle of ['shown', 'muted', 'closed']) {
    rooms.push(await ann.createRoom({ handle }));
    const own = await bob.join(`#${handle}`);
    if (handle !== 'closed') await own.open();
    if (handle === 'muted') await own.mute(true);
  }
  const told = listen(bob);
  const reconnect = await breakStream(bob);
  for (const room of rooms) await room.send(room.data.handle).sent;
  reconnect();
  await eventually(() => told, ['created: shown', 'created: muted', 'notification: closed']);
  const requests = record();
  await rooms[1].send('later').sent;
  await eventually(() => told.slice(3), ['created: later']);
  assert.deepEqual(
    requests.filter((r) => r.includes('/presence/')),
    [],
    'the stream was in the rooms from its start',
  );
});

test('a room that the user was banned from meanwhile does not keep the stream from its other rooms', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'ban-ann');
  const bob = await signUp(server, 'ban-bob');
  const rooms = [];
  for (const handle of ['barred', 'other']) {
    rooms.push(await ann.createRoom({ handle }));
    await (await bob.join(`#${handle}`)).open();
  }
  const told = listen(bob);
  const reconnect = await breakStream(bob);
  await ann.request('PUT', `/v1/rooms/${rooms[0].id}/bans/@ban-bob`, { body: {} });
  await rooms[0].send('not for bob').sent;
  await rooms[1].send('for bob').sent;
  const requests = record();
  reconnect();
  await eventually(() => told, ['created: for bob']);
  await until(() => !bob.rooms.get(rooms[0].id)?.membership);
  await rooms[1].send('and this').sent;
  await eventually(() => told, ['created: for bob', 'created: and this']);
  assert.deepEqual(
    requests.filter((r) => r.includes('/presence/')),
    [],
  );
});

test('a room that the user has left is not entered, and one that they come back to is', async () => {
  const { server } = holder;
  const requests = record();
  const entered = () => requests.filter((r) => r.includes('/presence/')).map((r) => r.split(' ')[0]);
  const ann = await signUp(server, 'left-ann');
  const bob = await signUp(server, 'left-bob');
  const room = await ann.createRoom({ handle: 'left' });
  const bobs = await bob.join('#left');
  await bobs.open();
  await eventually(entered, ['PUT']);
  const told = listen(bob);
  const isTold = new Promise((resolve) => bob.on('member.left', resolve));
  await bobs.leave();
  await isTold;
  await until(() => !bobs.membership);
  await bob.request('GET', '/v1/users/me'); // what the event has caused is asked for before this
  assert.deepEqual(entered(), ['PUT']);
  await bob.join('#left');
  await eventually(entered, ['PUT', 'PUT']);
  await room.send('welcome back').sent;
  await eventually(() => [told, texts(bobs)], [['created: welcome back'], ['welcome back']]);
});

/** A tab that shares the stream of user 1, without a server, and what it asks for. */
function openTab(name) {
  const tab = { asked: [], lead: () => {}, stream: null };
  const http = {
    call: async (method, path) => void tab.asked.push(`${method} ${path}`),
    open: async (method, path, { signal }) => {
      tab.asked.push(`${method} ${path}`);
      const start = (controller) => {
        controller.enqueue(new TextEncoder().encode('event: ready\ndata: {"stream_id":"s"}\n\n'));
        signal.addEventListener('abort', () => controller.error(signal.reason));
      };
      return new Response(new ReadableStream({ start }));
    },
  };
  const mayLead = new Promise((resolve) => {
    tab.lead = () => resolve(undefined);
  });
  const locks = { hold: (_name, f) => mayLead.then(f), keep: () => () => {}, whenGone: () => {} };
  tab.stream = new lowLevel.SharedStream(http, locks, 'user 1', name, true);
  return tab;
}

test('the next tab that leads connects with the rooms of all tabs', async () => {
  const first = openTab('first');
  const other = openTab('other');
  first.lead();
  first.stream.release('e-1');
  other.stream.setRooms([1]);
  await until(() => first.asked.includes('PUT /v1/rooms/1/presence/s'));
  const next = openTab('next'); // which has not heard what the other shows
  await next.stream.joined;
  next.stream.setRooms([2]);
  next.stream.release('e-1');
  first.stream.close();
  next.lead();
  await until(() => next.asked.length);
  assert.deepEqual(next.asked[0], 'GET /v1/events?room=1&room=2');
  for (const { stream } of [other, next]) stream.close();
});

test('a stream connects with as many rooms as the server takes, and enters the others', async () => {
  const tab = openTab('many');
  const rooms = Array.from({ length: 203 }, (_, i) => i + 1);
  tab.stream.setRooms(rooms);
  tab.lead();
  await tab.stream.joined;
  tab.stream.release('e-1');
  await until(() => tab.asked.length >= 4);
  tab.stream.close();
  assert.equal(tab.asked[0].split('room=').length - 1, 200);
  assert.deepEqual(
    tab.asked.slice(1),
    rooms.slice(200).map((room) => `PUT /v1/rooms/${room}/presence/s`),
  );
});
