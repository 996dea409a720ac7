// A page with plain EventSources, and not one line that handles an error, while the server drains, is killed, loses its
// database, and has too many streams or requests of the user. The address that it is given serves the page, and does to the
// server what it is told to:
//
//   node eventsource.mjs http://127.0.0.1:8000 http://127.0.0.1:8080 /usr/bin/chromium [postgres]

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [origin, server, executablePath, database] = process.argv.slice(2);
const STREAMS = 20; // as many as one user may have
const REQUESTS = 6000; // as many as one user may make in a minute
const PATIENCE = 60_000; // of every wait: it bounds what hangs, and measures nothing

async function until(ask, what) {
  for (const end = Date.now() + PATIENCE; !(await ask());) {
    if (Date.now() > end) assert.fail(`never: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 30);
    });
  }
}

/** Asks until the server can be reached. A send has a key, so that it is there once. */
async function ask(method, path, body, token, more = {}) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }), ...more };
  let answer;
  await until(async () => {
    answer = await fetch(server + path, { method, headers, body: body && JSON.stringify(body) }).catch(() => null);
    return answer && answer.status !== 503;
  }, `${method} ${path}`);
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer;
}
const guest = async (username) =>
  (await (await ask('POST', '/v1/sessions', { username, guest: true })).json()).access_token;
const control = async (what) => assert.equal((await fetch(`${origin}/${what}`, { method: 'POST' })).status, 200, what);

const author = await guest('author');
const room = (await (await ask('POST', '/v1/rooms', { handle: 'news' }, author)).json()).id;
const said = [];
async function say(text) {
  said.push(text);
  await ask('POST', `/v1/rooms/${room}/messages`, { text }, author, { 'Idempotency-Key': crypto.randomUUID() });
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });

/** Somebody who reads along, with a browser of their own that has the cookie of the stream. */
async function reader(username) {
  const token = await guest(username);
  await ask('PUT', `/v1/rooms/${room}/members/me`, undefined, token);
  const cursor = (await ask('GET', '/v1/rooms', undefined, token)).headers.get('Event-Cursor');
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
    [`${server}/v1/events/cookie`, token],
  );
  assert.equal(status, 204);
  return { page, token, cursor };
}

/** Opens a stream from where the reader came in. What it is told is only noted. */
const open = ({ page, cursor }, name) =>
  page.evaluate(
    ([url, as]) => {
      const stream = { source: new EventSource(url, { withCredentials: true }), seen: [], busy: [] };
      for (const event of ['message.created', 'message.notification']) {
        stream.source.addEventListener(event, ({ data }) => stream.seen.push(JSON.parse(data).text));
      }
      stream.source.addEventListener('busy', ({ data }) => stream.busy.push(JSON.parse(data).reason));
      globalThis.streams[as] = stream;
    },
    [`${server}/v1/events?last_event_id=${cursor}`, name],
  );

const look = ({ page }, name) =>
  page.evaluate((as) => {
    const { source, seen, busy } = globalThis.streams[as];
    return { state: source.readyState, seen, busy };
  }, name);
const isTold = (who, name, reason) =>
  until(async () => (await look(who, name)).busy.includes(reason), `${name} is told ${reason}`);
const sees = async (who, name) => {
  await until(
    async () => (await look(who, name)).seen.length >= said.length,
    `${name} has seen ${said.length} messages`,
  );
  assert.deepEqual((await look(who, name)).seen, said, name);
};

try {
  const ada = await reader('ada');
  await open(ada, 'first');
  await say('hello');
  await sees(ada, 'first');

  // The server drains: who comes meanwhile is told so, and who was there is told the end. Both come back.
  await control('drain');
  await until(async () => !(await fetch(`${server}/readyz`).catch(() => ({ ok: false }))).ok, 'the server drains');
  await open(ada, 'while it drained');
  await isTold(ada, 'while it drained', 'stopping');
  await say('while the server drained');
  await control('drained');
  await control('start');
  await say('after the stop');
  for (const name of ['first', 'while it drained']) await sees(ada, name);

  // It is killed and started again.
  await control('kill');
  await control('start');
  await say('after the crash');
  for (const name of ['first', 'while it drained']) await sees(ada, name);

  if (database === 'postgres') {
    await control('stop-database');
    await open(ada, 'without a database');
    await isTold(ada, 'without a database', 'unavailable');
    await control('start-database');
    await say('after the database was away');
    for (const name of ['first', 'while it drained', 'without a database']) await sees(ada, name);
  }

  // All streams that one user may have are taken, until one of them ends.
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
  bob.cursor = (await ask('GET', '/v1/rooms', undefined, bob.token)).headers.get('Event-Cursor');
  const before = said.length;
  await open(bob, 'one too many');
  await isTold(bob, 'one too many', 'too_many_streams');
  await say('while there were too many');
  for (const one of taken) one.abort();
  await until(async () => (await look(bob, 'one too many')).seen.length > 0, 'there is room for the stream');
  assert.deepEqual((await look(bob, 'one too many')).seen, said.slice(before));

  // Who has asked for too much waits a minute. It is enough to see that the browser will come back.
  const carl = await reader('carl');
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let i = 0; i < REQUESTS / 8; i++)
        await (
          await fetch(`${server}/v1/users/me`, { headers: { Authorization: `Bearer ${carl.token}` } })
        ).arrayBuffer();
    }),
  );
  await open(carl, 'too eager');
  await isTold(carl, 'too eager', 'rate_limited');
  await until(async () => (await look(carl, 'too eager')).state === 0, 'the browser waits');

  await say('the end');
  await sees(ada, 'first');
  assert.equal((await look(ada, 'first')).state, 1);
} finally {
  await browser.close();
}
