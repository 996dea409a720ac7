// Log-in, refresh, and tokens of the product.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  connect,
  disturb,
  memoryStorage,
  open,
  PASSWORD,
  Problem,
  record,
  signUp,
  until,
  useServer,
} from './support.mjs';

const holder = useServer();

/** Changes the stored session. */
function change(storage, values) {
  const key = storage.keys().find((k) => k.endsWith('.session'));
  storage.set(key, JSON.stringify({ ...JSON.parse(storage.get(key)), ...values }));
}

test('a session outlives the client, and two clients share one refresh of an expired token', async () => {
  const { server } = holder;
  const storage = memoryStorage();
  const first = await signUp(server, 'ann', { storage });
  first.close();
  change(storage, { expires_at: Date.now() - 1000 });
  const requests = record();
  const both = [open({ server: server.base, storage }), open({ server: server.base, storage })];
  await Promise.all(both.map((c) => c.ready));
  assert.deepEqual(
    both.map((c) => c.user?.username),
    ['ann', 'ann'],
  );
  assert.equal(requests.filter((r) => r === 'POST /v1/sessions/refresh').length, 1);
});

test('a token that the server refuses is replaced, without the caller noticing', async () => {
  const { server } = holder;
  const storage = memoryStorage();
  (await signUp(server, 'bob', { storage })).close();
  change(storage, { access_token: 'not.a.token' });
  const requests = record();
  const again = open({ server: server.base, storage });
  await again.ready;
  assert.equal((await again.request('GET', '/v1/users/me')).username, 'bob');
  assert.equal(requests.filter((r) => r === 'POST /v1/sessions/refresh').length, 1);
});

test('a session that was ended elsewhere ends here, and the reason is told', async () => {
  const { server } = holder;
  const storage = memoryStorage();
  const cay = await signUp(server, 'cay', { storage });
  await until(() => cay.connection === 'open');
  /** @type {any[]} */ const changes = [];
  cay.on('session', (change) => changes.push(change));
  const other = open({ server: server.base });
  await other.logIn({ username: 'cay', password: PASSWORD });
  for (const session of (await other.request('GET', '/v1/sessions')).items)
    if (!session.current) await other.request('DELETE', `/v1/sessions/${session.id}`);
  await until(() => cay.connection === 'closed');
  assert.deepEqual(changes, [{ user: null, reason: 'log_out' }]);
  assert.deepEqual([cay.user, cay.rooms.list, storage.keys()], [null, [], []]);
});

test('a stored session that has ended meanwhile is told with the reason', async () => {
  const { server } = holder;
  const storage = memoryStorage();
  (await signUp(server, 'flo', { storage })).close();
  change(storage, { expires_at: 0, refresh_token: 'not.a.token' });
  const again = open({ server: server.base, storage });
  const changes = [];
  again.on('session', (now) => changes.push(now));
  await again.ready;
  assert.deepEqual(changes, [{ user: null, reason: 'expired' }]);
  assert.deepEqual(storage.keys(), []);
});

test('errors are problems with a code and the fields that are wrong', async () => {
  const client = open({ server: holder.server.base });
  await client.ready;
  await assert.rejects(client.logIn({ username: 'nobody-here', password: 'wrong password' }), (err) => {
    assert.ok(err instanceof Problem);
    return err.code === 'bad_credentials' && err.status === 401 && !err.isTransient;
  });
  await assert.rejects(client.signUp({ username: 'x', password: 'short' }), (err) => {
    assert.deepEqual(err.errors.map((e) => e.field).sort(), ['password', 'username']);
    return err.code === 'invalid_request';
  });
  await assert.rejects(client.open('#nowhere'), { code: 'unauthenticated' });
});

test('the product supplies the tokens, and is asked again when one is refused', async () => {
  const { server } = holder;
  const { access_token } = await server.api('POST', '/v1/users', { username: 'dov', password: PASSWORD });
  /** @type {boolean[]} */ const asked = [];
  const client = connect({
    server: server.base,
    token: async (fresh) => {
      asked.push(fresh);
      return access_token;
    },
  });
  try {
    await client.ready;
    assert.equal(client.user?.username, 'dov');
    let refused = false;
    disturb((request) => {
      if (refused || !request.url.endsWith('/v1/contacts')) return undefined;
      refused = true;
      return Promise.resolve(Response.json({ code: 'token_expired' }, { status: 401 }));
    });
    assert.deepEqual((await client.request('GET', '/v1/contacts')).items, []);
    assert.deepEqual(asked, [false, true]);
  } finally {
    client.close();
  }
});

test('a guest who signs up keeps the rooms', async () => {
  const { server } = holder;
  const client = open({ server: server.base });
  await client.logIn({ username: 'eve', guest: true });
  const room = await client.createRoom({ name: 'Attic' });
  await client.signUp({ username: 'eve-too', password: PASSWORD });
  assert.deepEqual([client.user?.guest, client.rooms.get(room.id)?.name], [false, 'Attic']);
  await client.logOut();
  assert.deepEqual([client.user, client.connection], [null, 'closed']);
});

test('a room that is entered as soon as the user is known stays', async () => {
  const { server } = holder;
  const host = await signUp(server, 'zoe');
  const { id } = await host.createRoom({ handle: 'at-once' });
  const visitor = open({ server: server.base });
  const entered = new Promise((resolve) => {
    visitor.on('session', () => resolve(visitor.open(id).then(() => visitor.join(id))));
  });
  disturb((request, next) => {
    if (new URL(request.url).pathname !== '/v1/rooms') return undefined;
    return (async () => {
      const response = await next(request);
      // The list of rooms is old when it arrives: there was time to open and to join one.
      for (let n = 0; n < 20; n++) await next(new Request(`${server.base}/v1/auth/providers`));
      return response;
    })();
  });
  await visitor.logIn({ username: 'yan', guest: true });
  const room = await entered;
  assert.ok(room.membership);
  assert.equal(visitor.rooms.get(id), room);
  assert.ok(visitor.rooms.list.includes(room));
});
