// A page with plain EventSources and without error handling, while the server drains, is killed, loses its database,
// and gets too many streams or requests of a user. The first address serves the page, and controls the server on
// request. At the third address is another server, which lets a user make very few requests:
//
//   node eventsource.mjs http://127.0.0.1:8000 http://127.0.0.1:8080 http://127.0.0.1:8081 /usr/bin/chromium [postgres]

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [origin, server, limited, executablePath, database] = process.argv.slice(2);
const STREAMS = 20; // as many as one user may have
const PATIENCE = 120_000; // of every wait, in milliseconds: only a limit for what hangs, not a measurement

async function until(condition, what) {
  for (const end = Date.now() + PATIENCE; !(await condition());) {
    if (Date.now() > end) assert.fail(`timeout: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 30);
    });
  }
}

/** Makes a request, and repeats it until the server can be reached. Sends have a key, so that they are stored once. */
async function request(method, path, body, token, more = {}) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }), ...more };
  let answer;
  await until(async () => {
    answer = await fetch(new URL(path, server), { method, headers, body: body && JSON.stringify(body) }).catch(
      () => null,
    );
    return answer && answer.status !== 503;
  }, `${method} ${path}`);
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer;
}
const guest = async (username, at = server) =>
  (await (await request('POST', `${at}/v1/sessions`, { username, guest: true })).json()).access_token;
const control = async (what) => assert.equal((await fetch(`${origin}/${what}`, { method: 'POST' })).status, 200, what);

const author = await guest('author');
const room = (await (await request('POST', '/v1/rooms', { handle: 'news' }, author)).json()).id;
const said = [];
async function say(text) {
  said.push(text);
  await request('POST', `/v1/rooms/${room}/messages`, { text }, author, { 'Idempotency-Key': crypto.randomUUID() });
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });

/** A user of a server with their own browser, which has the stream's cookie. */
async function visitor(username, at = server) {
  const token = await guest(username, at);
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${origin}/page.html`);
  const status = await page.evaluate(
    ([url, bearer]) => {
      globalThis.streams = {};
      return fetch(url, {
        method: 'POST',
        headers: { Authorization: `Bearer ${bearer}` },
        credentials: 'include',
      }).then((a) => a.status);
    },
    [`${at}/v1/events/cookie`, token],
  );
  assert.equal(status, 204);
  return { page, token, at };
}

/** A visitor who is a member of the room, from the returned cursor on. */
async function reader(username) {
  const who = await visitor(username);
  await request('PUT', `/v1/rooms/${room}/members/me`, undefined, who.token);
  return { ...who, cursor: (await request('GET', '/v1/rooms', undefined, who.token)).headers.get('Event-Cursor') };
}

/** Opens a stream, from the reader's cursor if there is one, and records its events. */
const open = ({ page, at, cursor }, name) =>
  page.evaluate(
    ([url, as]) => {
      const stream = { source: new EventSource(url, { withCredentials: true }), seen: [], busy: [] };
      for (const event of ['message.created', 'message.notification']) {
        stream.source.addEventListener(event, ({ data }) => stream.seen.push(JSON.parse(data).text));
      }
      stream.source.addEventListener('busy', ({ data }) => stream.busy.push(JSON.parse(data).reason));
      globalThis.streams[as] = stream;
    },
    [`${at}/v1/events${cursor ? `?last_event_id=${cursor}` : ''}`, name],
  );

const readStream = ({ page }, name) =>
  page.evaluate((as) => {
    const { source, seen, busy } = globalThis.streams[as];
    return { state: source.readyState, seen, busy };
  }, name);
const waitForBusy = (who, name, reason) =>
  until(async () => (await readStream(who, name)).busy.includes(reason), `${name} gets the reason ${reason}`);
const seesAll = async (who, name) => {
  await until(
    async () => (await readStream(who, name)).seen.length >= said.length,
    `${name} has seen ${said.length} messages`,
  );
  assert.deepEqual((await readStream(who, name)).seen, said, name);
};

try {
  const ada = await reader('ada');
  await open(ada, 'first');
  await say('hello');
  await seesAll(ada, 'first');

  // The server drains: a new stream gets the reason, an old one gets the end. Both reconnect.
  await control('drain');
  await until(async () => !(await fetch(`${server}/readyz`).catch(() => ({ ok: false }))).ok, 'the server drains');
  await open(ada, 'while it drained');
  await waitForBusy(ada, 'while it drained', 'stopping');
  await say('while the server drained');
  await control('drained');
  await control('start');
  await say('after the stop');
  for (const name of ['first', 'while it drained']) await seesAll(ada, name);

  // The server is killed and restarted.
  await control('kill');
  await control('start');
  await say('after the crash');
  for (const name of ['first', 'while it drained']) await seesAll(ada, name);

  if (database === 'postgres') {
    await control('stop-database');
    await open(ada, 'without a database');
    await waitForBusy(ada, 'without a database', 'unavailable');
    await control('start-database');
    await say('after the database was away');
    for (const name of ['first', 'while it drained', 'without a database']) await seesAll(ada, name);
  }

  // The user has the maximum number of streams, until they end.
  const bob = await reader('bob');
  const taken = [];
  for (let i = 0; i < STREAMS; i++) {
    const one = new AbortController();
    const answer = await fetch(`${server}/v1/events`, {
      headers: { Authorization: `Bearer ${bob.token}` },
      signal: one.signal,
    });
    assert.ok(answer.ok);
    taken.push(one);
  }
  bob.cursor = (await request('GET', '/v1/rooms', undefined, bob.token)).headers.get('Event-Cursor');
  const before = said.length;
  await open(bob, 'one too many');
  await waitForBusy(bob, 'one too many', 'too_many_streams');
  await say('while there were too many');
  for (const one of taken) one.abort();
  await until(async () => (await readStream(bob, 'one too many')).seen.length > 0, 'there is room for the stream');
  assert.deepEqual((await readStream(bob, 'one too many')).seen, said.slice(before));

  // A rate-limited user waits a minute. It is enough to see that the browser will reconnect.
  const carl = await visitor('carl', limited);
  await until(async () => {
    const answer = await fetch(`${limited}/v1/users/me`, { headers: { Authorization: `Bearer ${carl.token}` } });
    await answer.arrayBuffer();
    return answer.status === 429;
  }, 'the user has made too many requests');
  await open(carl, 'too eager');
  await waitForBusy(carl, 'too eager', 'rate_limited');
  await until(async () => (await readStream(carl, 'too eager')).state === 0, 'the browser waits');

  await say('the end');
  await seesAll(ada, 'first');
  assert.equal((await readStream(ada, 'first')).state, 1);
} finally {
  await browser.close();
}
