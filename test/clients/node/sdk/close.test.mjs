// close() at any moment, and tokens of the product that are late or do not come.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, disturb, memoryStorage, open, PASSWORD, Problem, signUp, until, useServer } from './support.mjs';

const holder = useServer();

test('a client that is closed before it is ready opens no stream, and tells nothing', async () => {
  const { server } = holder;
  const storage = memoryStorage();
  (await signUp(server, 'ann', { storage })).close();
  const streams = [];
  disturb((request) => {
    if (request.url.endsWith('/v1/events')) streams.push(request);
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
