// Whose request it is: nothing that one user wants is done by another who logs in meanwhile.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disturb, eventually, memoryStorage, open, PASSWORD, until, useServer } from './support.mjs';

const holder = useServer();

/** A public room that both users are in, with what they have. */
async function pair(name) {
  const { server } = holder;
  const sessions = [];
  for (const username of [`${name}-ann`, `${name}-bob`])
    sessions.push(await server.api('POST', '/v1/users', { username, password: PASSWORD }));
  const [ann, bob] = sessions;
  const { id } = await server.api('POST', '/v1/rooms', { handle: name }, ann.access_token);
  await server.api('PUT', `/v1/rooms/${id}/members/me`, undefined, bob.access_token);
  const history = async () =>
    (await server.api('GET', `/v1/rooms/${id}/messages`, undefined, ann.access_token)).items.map(
      (m) => `${m.sender.username}: ${m.text}`,
    );
  return { ann, bob, id, history };
}

/** Changes the stored session. */
function change(storage, values) {
  const key = storage.keys().find((k) => k.endsWith('.session'));
  storage.set(key, JSON.stringify({ ...JSON.parse(storage.get(key)), ...values }));
}

/** The next request for messages is answered that its token has expired. */
function expireOnce() {
  let isDone = false;
  disturb((request) => {
    if (isDone || request.method !== 'POST' || !request.url.endsWith('/messages')) return undefined;
    isDone = true;
    return Promise.resolve(Response.json({ code: 'token_expired' }, { status: 401 }));
  });
}

/** Holds the responses to the next refresh back until it is released. */
function holdRefresh() {
  const refresh = { isAsked: false, release: () => {} };
  const released = new Promise((resolve) => {
    refresh.release = () => resolve(undefined);
  });
  disturb((request, next) => {
    if (refresh.isAsked || !request.url.endsWith('/refresh')) return undefined;
    refresh.isAsked = true;
    return next(request).then((response) => released.then(() => response));
  });
  return refresh;
}

for (const kind of ['JWTs', 'other tokens'])
  test(`an unsent message waits for its user when the product's user changes: ${kind}`, async () => {
    const { server } = holder;
    const { ann, bob, id, history } = await pair(kind === 'JWTs' ? 'jwt' : 'other');
    let now = ann;
    expireOnce();
    if (kind !== 'JWTs')
      disturb((request, next) => {
        const [, user] = /^Bearer opaque-(\w+)/.exec(request.headers.get('Authorization') ?? '') ?? [];
        if (!user) return undefined;
        const headers = new Headers(request.headers);
        headers.set('Authorization', `Bearer ${(user === 'ann' ? ann : bob).access_token}`);
        return next(new Request(request, { headers, duplex: 'half' }));
      });
    const token = () => (kind === 'JWTs' ? now.access_token : `opaque-${now === ann ? 'ann' : 'bob'}`);
    const client = open({ server: server.base, token });
    await client.ready;
    const room = await client.open(id);
    const users = [];
    client.on('session', ({ user }) => users.push(user?.username));
    now = bob;
    room.send('of ann');
    await until(() => users.length);
    assert.equal(client.user.id, bob.user.id);
    const bobs = await client.open(id);
    await bobs.send('of bob').sent;
    assert.deepEqual(await history(), [`${bob.user.username}: of bob`]);
    now = ann;
    await client.http.token(true).catch(() => {});
    await eventually(history, [`${bob.user.username}: of bob`, `${ann.user.username}: of ann`]);
  });

test('a request that waits for a token is not made as the user who logs in meanwhile', async () => {
  const { server } = holder;
  const { ann, bob, id, history } = await pair('shared');
  const storage = memoryStorage();
  const options = { server: server.base, storage };
  const first = open(options);
  await first.logIn({ username: ann.user.username, password: PASSWORD });
  const second = open(options);
  await second.ready;
  assert.equal(second.user.id, ann.user.id);
  await second.logIn({ username: bob.user.username, password: PASSWORD });
  expireOnce();
  const request = first.request('POST', `/v1/rooms/${id}/messages`, { body: { text: 'of ann' } });
  await assert.rejects(request, { name: 'Problem', code: 'unauthenticated' });
  assert.deepEqual(await history(), []);
});

/** Two clients of one storage: ann logs in with the first, and then bob with the second. @param {string} name */
async function logInAsTwo(name) {
  const { ann, bob } = await pair(name);
  const storage = memoryStorage();
  const options = { server: holder.server.base, storage };
  const first = open(options);
  await first.logIn({ username: ann.user.username, password: PASSWORD });
  const second = open(options);
  await second.logIn({ username: bob.user.username, password: PASSWORD });
  return { bob, storage, options, first, second };
}

test("a log-out ends the client's own session, and not that of the user who has logged in meanwhile", async () => {
  const { bob, options, first, second } = await logInAsTwo('log-out');
  await first.logOut();
  assert.equal(first.user, null);
  const third = open(options);
  await third.ready;
  assert.equal(third.user?.id, bob.user.id);
  assert.equal((await second.request('GET', '/v1/users/me')).id, bob.user.id);
});

test('a log-in waits for a refresh that is under way, and is what counts', async () => {
  const { server } = holder;
  const { ann, bob } = await pair('late');
  const storage = memoryStorage();
  const options = { server: server.base, storage };
  for (const refresh_token of [undefined, 'spent']) {
    const before = open(options);
    await before.logIn({ username: ann.user.username, password: PASSWORD });
    before.close();
    change(storage, { expires_at: 0, ...(refresh_token && { refresh_token }) });
    const refresh = holdRefresh();
    const client = open(options);
    await until(() => refresh.isAsked);
    const loggedIn = client.logIn({ username: bob.user.username, password: PASSWORD });
    let isIn = false;
    void loggedIn.then(() => {
      isIn = true;
    });
    // A request that takes the same way: a log-in that did not wait would be done before it.
    await server.api('POST', '/v1/sessions', { username: ann.user.username, password: PASSWORD });
    assert.equal(isIn, false);
    refresh.release();
    assert.equal((await loggedIn).id, bob.user.id);
    await client.ready;
    assert.equal(client.user?.id, bob.user.id);
    assert.equal((await client.request('GET', '/v1/users/me')).id, bob.user.id);
    assert.equal(JSON.parse(storage.get(storage.keys().find((k) => k.endsWith('.session')))).user.id, bob.user.id);
    client.close();
  }
});

test('a client whose stored session is that of another user now, and has expired, is logged out', async () => {
  const { storage, first, second } = await logInAsTwo('stale');
  second.close();
  change(storage, { expires_at: 0, refresh_token: 'spent' });
  await assert.rejects(first.http.token(true), { status: 401 });
  assert.deepEqual([first.user, first.connection], [null, 'closed']);
});

test('an end that the stream and a response tell at the same time is told once', async () => {
  const { server } = holder;
  const { ann } = await pair('once');
  const kept = memoryStorage();
  const storage = { ...kept, get: async (key) => kept.get(key), remove: async (key) => kept.remove(key) };
  const client = open({ server: server.base, storage });
  await client.logIn({ username: ann.user.username, password: PASSWORD });
  const told = [];
  client.on('session', ({ reason }) => told.push(reason));
  await Promise.all(['log_out', 'session_revoked'].map((reason) => client.session.end(reason)));
  assert.deepEqual([told, client.user, kept.keys()], [['log_out'], null, []]);
});

test('a log-out while the token is renewed ends the session', async () => {
  const { server } = holder;
  const { ann } = await pair('ended');
  const storage = memoryStorage();
  const client = open({ server: server.base, storage });
  await client.logIn({ username: ann.user.username, password: PASSWORD });
  const refresh = holdRefresh();
  const failed = assert.rejects(client.http.token(true), { code: 'unauthenticated' });
  await until(() => refresh.isAsked);
  await client.session.end('log_out');
  refresh.release();
  await failed;
  assert.deepEqual([client.user, storage.keys()], [null, []]);
});
