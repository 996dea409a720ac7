// Messages arrive once, and the store is right: through crashes of the client and the server, and a lost cursor.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  disturb,
  eventually,
  fileStorage,
  open,
  PASSWORD,
  record,
  signUp,
  texts,
  Unsent,
  until,
  useServer,
} from './support.mjs';

const holder = useServer();
const sender = fileURLToPath(new URL('sender.mjs', import.meta.url));

for (const moment of ['before', 'after'])
  test(`a process that is killed ${moment} the server stores its message sends it once`, async (t) => {
    const { server } = holder;
    const folder = mkdtempSync(path.join(tmpdir(), 'parley-sdk-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const name = `crash-${moment}`;
    const ann = await signUp(server, name, { storage: fileStorage(folder) });
    const room = await ann.createRoom({ name });
    await room.open();
    ann.close();
    const child = spawn(process.execPath, [sender, server.base, folder, String(room.id), moment], {
      stdio: ['ignore', 2, 2],
    });
    assert.deepEqual(await once(child, 'close'), [null, 'SIGKILL']);
    const again = open({ server: server.base, storage: fileStorage(folder) });
    await again.ready;
    const known = await again.open(room.id);
    await eventually(() => [texts(known), known.pending.length], [['only once'], 0], 'the message is there once');
    assert.deepEqual(
      fileStorage(folder)
        .keys()
        .filter((key) => key.includes('unsent')),
      [],
    );
  });

test('a server that is killed again and again loses nothing, and nothing is told twice', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'kill-ann');
  const bob = await signUp(server, 'kill-bob');
  const room = await ann.createRoom({ handle: 'kill' });
  const bobs = await bob.join('#kill');
  await bobs.open();
  await until(() => bob.connection === 'open');
  /** @type {string[]} */ const told = [];
  for (const name of ['message.created', 'message.notification']) bob.on(name, (m) => told.push(m.text));
  const expected = [];
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 10; j++) {
      expected.push(`${i}.${j}`);
      const { sent } = room.send(`${i}.${j}`);
      if (j === 4) {
        await sent;
        await server.stop(i % 2 ? 'SIGTERM' : 'SIGKILL');
      }
    }
    assert.ok(room.pending.length >= 5);
    await server.start();
    await eventually(() => texts(bobs), expected, 'all have arrived');
  }
  await eventually(() => told, expected, 'each was told once, in order');
  await until(() => room.pending.length === 0);
});

test('after a lost cursor, everything is read again', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'lost-ann');
  const bob = await signUp(server, 'lost-bob');
  const room = await ann.createRoom({ handle: 'lost' });
  const gone = await ann.createRoom({ handle: 'lost-too' });
  const bobs = await bob.join('#lost');
  await bob.join('#lost-too');
  await bobs.open();
  const first = await room.send('first').sent;
  await room.send('second').sent;
  await eventually(() => texts(bobs), ['first', 'second']);
  let isAway = true;
  const resyncs = [];
  bob.on('resync', (e) => resyncs.push(e.reason));
  await until(() => bob.connection === 'open');
  const { token } = bob.http; // only bob's stream is disturbed
  const own = await token(false);
  disturb((request, next) => {
    if (!request.url.includes('/v1/events') || request.headers.get('Authorization') !== `Bearer ${own}`)
      return undefined;
    if (isAway) return Promise.reject(new TypeError('fetch failed'));
    if (resyncs.length) return undefined;
    const headers = new Headers(request.headers);
    headers.set('Last-Event-ID', 'another-1');
    return next(new Request(request, { headers }));
  });
  await server.stop('SIGTERM');
  await server.start();
  await until(() => bob.connection === 'connecting');
  await room.edit(first.id, 'first, edited');
  await room.delete(2);
  await room.send('third').sent;
  await ann.request('DELETE', `/v1/rooms/${gone.id}`);
  isAway = false;
  await eventually(() => texts(bobs), ['first, edited', '(deleted)', 'third']);
  assert.deepEqual(resyncs, ['unknown']);
  assert.deepEqual(
    bob.rooms.list.map((r) => [r.name, r.unread, r.data.message_count]),
    [
      ['lost', 2, 2],
      ['lobby', 0, 0],
    ],
  );
  await room.send('fourth').sent; // and the stream goes on
  await eventually(() => texts(bobs).at(-1), 'fourth');
});

test('unknown events and fields are passed over', async () => {
  const { server } = holder;
  let injected = false;
  disturb((request, next) => {
    if (injected || !request.url.includes('/v1/events')) return undefined;
    injected = true;
    return next(request).then((response) => {
      const news = 'event: room.painted\ndata: {"room_id":1,"colour":"green"}\n\nevent: bare\n\nfuture: field\n\n';
      const body = response.body.pipeThrough(
        new TransformStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(news)) }),
      );
      return new Response(body, response);
    });
  });
  const ann = await signUp(server, 'new-ann');
  const names = [];
  ann.on('*', ({ name }) => names.push(name));
  ann.on('message.created', () => {
    throw new Error('the page has a defect');
  });
  const { error } = console;
  console.error = () => {};
  try {
    const room = await ann.createRoom({ name: 'New' });
    await room.open();
    await room.send('hello').sent;
    await until(() => names.includes('message.created'));
    assert.ok(names.includes('room.painted') && names.includes('bare'), String(names));
    assert.deepEqual(texts(room), ['hello']);
  } finally {
    console.error = error;
  }
});

test('a stream from before the network was away is opened again when it is back', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'back-ann');
  await until(() => ann.connection === 'open');
  const requests = record();
  const states = [];
  ann.on('connection', (state) => states.push(state));
  ann.rooms.account.wake(); // the page is shown again: the connection is not silent, and stays
  ann.rooms.account.wake(true);
  await eventually(() => states, ['connecting', 'open']);
  assert.equal(requests.filter((r) => r === 'GET /v1/events').length, 1);
});

test('what was not sent when a session ended is sent after the next log-in', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'again-ann');
  const room = await ann.createRoom({ name: 'Again' });
  await room.open();
  let isAway = true;
  disturb((request) =>
    isAway && request.url.endsWith('/messages') && request.method === 'POST'
      ? Promise.reject(new TypeError('fetch failed'))
      : undefined,
  );
  const { sent } = room.send('before the end');
  await until(() => ann.storage.keys().some((key) => key.includes('.unsent.')));
  const other = open({ server: server.base });
  await other.logIn({ username: 'again-ann', password: PASSWORD });
  await other.request('PUT', '/v1/users/me/password', {
    body: { current_password: PASSWORD, new_password: 'another one' },
  });
  await until(() => ann.connection === 'closed');
  await assert.rejects(sent, Unsent);
  await assert.rejects(room.send('after the end').sent, Unsent);
  isAway = false;
  await ann.logIn({ username: 'again-ann', password: 'another one' });
  const again = await ann.open(room.id);
  await eventually(() => [texts(again), again.pending.length], [['before the end', 'after the end'], 0]);
});

test('a message that is refused fails, and can be sent again or given up', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'fail-ann');
  const bob = await signUp(server, 'fail-bob');
  const room = await ann.createRoom({ handle: 'fail' });
  const bobs = await bob.join('#fail');
  await bob.open(room.id);
  await ann.request('PUT', `/v1/rooms/${room.id}/bans/@fail-bob`, { body: {} });
  await until(() => !bobs.membership);
  const message = bobs.send('hello?');
  await until(() => message.state === 'failed');
  assert.equal(message.error.code, 'banned');
  await ann.request('DELETE', `/v1/rooms/${room.id}/bans/@fail-bob`);
  await bob.join('#fail');
  message.retry();
  assert.equal((await message.sent).text, 'hello?');
  const other = bobs.send('x'.repeat(9000));
  await until(() => other.state === 'failed');
  other.discard();
  await assert.rejects(other.sent);
  assert.deepEqual(bobs.pending, []);
});

test('what was not sent is gone after the log-out', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'out-ann');
  const room = await ann.createRoom({ name: 'Out' });
  disturb((request) =>
    request.url.endsWith('/messages') && request.method === 'POST'
      ? Promise.reject(new TypeError('fetch failed'))
      : undefined,
  );
  const { sent } = room.send('never mind');
  await until(() => ann.storage.keys().some((key) => key.includes('.unsent.')));
  await ann.logOut();
  await assert.rejects(sent, Unsent);
  await eventually(() => ann.storage.keys(), []);
});
