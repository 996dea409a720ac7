// close() at any moment, and tokens of the product that are late or do not come.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  connect,
  disturb,
  memoryStorage,
  open,
  PASSWORD,
  Problem,
  signUp,
  Unreachable,
  until,
  useServer,
} from './support.mjs';

const holder = useServer();
const hanging = fileURLToPath(new URL('hanging.mjs', import.meta.url));

test('a client that is closed before it is ready opens no stream, and tells nothing', async () => {
  const { server } = holder;
  const storage = memoryStorage();
  (await signUp(server, 'ann', { storage })).close();
  const streams = [];
  disturb((request) => {
    if (request.url.includes('/v1/events')) streams.push(request);
    return undefined;
  });
  const told = [];
  for (let i = 0; i < 3; i++) {
    const client = connect({ server: server.base, storage });
    client.on('session', (e) => told.push(e));
    client.close();
    await client.ready;
    assert.deepEqual([client.user, client.connection], [null, 'closed']);
  }
  const closing = connect({ server: server.base, storage: memoryStorage() });
  closing.on('session', (e) => told.push(e));
  const loggedIn = closing.logIn({ username: 'ann', password: PASSWORD });
  closing.close();
  await loggedIn;
  assert.deepEqual([closing.user, closing.connection, told], [null, 'closed', []]);
  // A client that stays open opens its stream after those would have.
  const last = open({ server: server.base, storage });
  await until(() => last.connection === 'open');
  const own = `Bearer ${await last.http.token(false)}`;
  assert.deepEqual(
    streams.map((r) => r.headers.get('Authorization')),
    [own],
  );
});

test('a token that does not come holds up only its own client, until that is closed', async () => {
  const { server } = holder;
  const { access_token } = await server.api('POST', '/v1/users', { username: 'bob', password: PASSWORD });
  const hanging = open({ server: server.base, token: () => new Promise(() => {}) });
  const request = hanging.request('GET', '/v1/users/me');
  const other = open({ server: server.base, token: () => access_token });
  await other.ready;
  assert.equal(other.user?.username, 'bob');
  hanging.close();
  await assert.rejects(request, (err) => err instanceof Problem && err.code === 'unauthenticated');
  await assert.rejects(hanging.ready, Problem);
});

test('a program whose token function hangs ends after close()', { timeout: 60_000 }, async (t) => {
  const { server } = holder;
  const { access_token } = await server.api('POST', '/v1/users', { username: 'bea', password: PASSWORD });
  const child = spawn(process.execPath, [hanging, server.base, access_token], { stdio: ['ignore', 2, 2] });
  t.after(() => child.kill('SIGKILL'));
  assert.deepEqual(await once(child, 'close'), [0, null]);
});

test('an error of the token function is transient: a message waits, and is sent later', async () => {
  const { server } = holder;
  const { access_token } = await server.api('POST', '/v1/users', { username: 'cay', password: PASSWORD });
  const thrown = new TypeError('fetch failed');
  let isAway = true;
  let calls = 0;
  const token = () => {
    calls++;
    if (isAway) throw thrown;
    return access_token;
  };
  const client = open({ server: server.base, token });
  const errors = [];
  client.on('error', (err) => errors.push(err));
  await until(() => errors.length);
  assert.ok(errors[0] instanceof Unreachable && errors[0].cause === thrown);
  assert.equal(client.connection, 'connecting');
  isAway = false;
  await client.ready;
  assert.equal(client.user?.username, 'cay');
  const room = await client.createRoom({ name: 'Cay' });
  await room.open();
  disturb((request) =>
    request.url.endsWith('/messages') && request.method === 'POST' && isAway
      ? Promise.resolve(Response.json({ code: 'token_expired' }, { status: 401 }))
      : undefined,
  );
  isAway = true;
  const before = calls;
  const message = room.send('hello');
  await until(() => calls > before + 1);
  assert.equal(message.state, 'sending');
  isAway = false;
  assert.equal((await message.sent).text, 'hello');
});

test('a stored session is resumed once the server is back', async () => {
  const { server } = holder;
  const storage = memoryStorage();
  (await signUp(server, 'dov', { storage })).close();
  const key = storage.keys().find((k) => k.endsWith('.session'));
  storage.set(key, JSON.stringify({ ...JSON.parse(storage.get(key)), expires_at: 0 }));
  let isAway = true;
  disturb(() => (isAway ? Promise.resolve(Response.json({ code: 'unavailable' }, { status: 503 })) : undefined));
  const client = open({ server: server.base, storage });
  const errors = [];
  client.on('error', (err) => errors.push(err.status));
  await until(() => errors.length > 1);
  assert.deepEqual([client.user, client.connection], [null, 'connecting']);
  const closed = connect({ server: server.base, storage });
  closed.on('error', () => closed.close());
  await assert.rejects(closed.ready, { status: 503 });
  isAway = false;
  await client.ready;
  assert.equal(client.user?.username, 'dov');
});

test('a client that waits for the server is ready when somebody logs in', async () => {
  const { server } = holder;
  const storage = memoryStorage();
  (await signUp(server, 'gus', { storage })).close();
  const key = storage.keys().find((k) => k.endsWith('.session'));
  storage.set(key, JSON.stringify({ ...JSON.parse(storage.get(key)), expires_at: 0 }));
  const away = { status: 503, headers: { 'Retry-After': '3600' } };
  disturb((request) => (request.url.endsWith('/refresh') ? Promise.resolve(Response.json({}, away)) : undefined));
  const client = open({ server: server.base, storage });
  const errors = [];
  client.on('error', (err) => errors.push(err));
  await until(() => errors.length);
  await client.logIn({ username: 'gus', password: PASSWORD });
  await client.ready;
  assert.equal(client.user?.username, 'gus');
});

test('a log-out without the server ends the session here, and tells that it has not ended there', async (t) => {
  const { server } = holder;
  const { setTimeout } = globalThis;
  t.after(() => {
    globalThis.setTimeout = setTimeout;
  });
  const storage = memoryStorage();
  /** @type {(() => Promise<Response>) | null} */ let answer = null;
  disturb((request) => (request.method === 'DELETE' ? answer?.() : undefined));
  const answers = [
    () => Promise.reject(new TypeError('fetch failed')),
    () => Promise.resolve(Response.json({ code: 'unavailable' }, { status: 503 })),
    () => new Promise(() => {}),
    null,
  ];
  for (const [i, next] of answers.entries()) {
    const client = await signUp(server, `eve-${i}`, { storage });
    const told = [];
    client.on('session', (change) => told.push(change));
    answer = next;
    globalThis.setTimeout = (f, ms, ...rest) => setTimeout(f, ms === 5000 ? 0 : ms, ...rest);
    if (!next) globalThis.setTimeout = setTimeout;
    assert.equal(await client.logOut(), !next);
    assert.deepEqual([client.user, client.connection, storage.keys()], [null, 'closed', []]);
    assert.deepEqual(
      told.map((e) => e.user),
      [null],
    );
  }
});
