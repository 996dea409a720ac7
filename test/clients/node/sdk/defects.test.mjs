// What the SDK does when the server or a proxy responds with nonsense. Its responses are made here, without a server.

import assert from 'node:assert/strict';
import { mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { disturb, hang, lowLevel, memoryStorage, open, until } from './support.mjs';

const SERVER = 'http://parley.test';
const { setTimeout } = globalThis;
afterEach(() => {
  globalThis.setTimeout = setTimeout;
});

const json = (body, status = 200, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });

const READY = 'event: ready\ndata: {"stream_id":"s"}\n\n';

/** The body of an event stream that sends a text, and then nothing until it is aborted. */
const stream = (text, signal) =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text));
        signal.addEventListener('abort', () => controller.error(signal.reason));
      },
    }),
  );

/** Responds to all requests of a client; respond returns what a test is about. */
function network(respond) {
  const room = { id: 5, kind: 'public', last_message_id: 0, active_at: '', membership: { unread_count: 0 } };
  disturb(async (request) => {
    const path = new URL(request.url).pathname;
    const response = await respond(`${request.method} ${path}`, request);
    if (response) return response;
    if (path === '/v1/users/me') return json({ id: 1, username: 'ann' });
    if (path === '/v1/rooms') return json({ items: [room] }, 200, { 'Event-Cursor': 'e-1' });
    if (path === '/v1/events') return stream(READY, request.signal);
    return json({ items: [] });
  });
}

const connectAs = (token = 'token', options = {}) => open({ server: SERVER, token: () => token, ...options });

/**
 * Collects the delays of all timers that are set from now on, but for those of less than 300 ms, which are joined reads.
 * @param {number} [most] the longest delay that is kept to
 */
function recordDelays(most = Infinity) {
  const delays = [];
  globalThis.setTimeout = (f, ms, ...rest) => {
    if (!(ms > 0 && ms < 300)) delays.push(ms);
    return setTimeout(f, Math.min(ms, most), ...rest);
  };
  return delays;
}

for (const [name, respond] of Object.entries({
  'a Retry-After of 25 days': () => json({}, 503, { 'Retry-After': '2147484' }),
  'a Retry-After beyond all numbers': () => json({}, 503, { 'Retry-After': '1e400' }),
  'a negative Retry-After': () => json({}, 503, { 'Retry-After': '-5' }),
  'a retry that is no number': () => new Response('event: busy\nretry: abc\ndata: {}\n\n'),
  'a server that closes for a month': (s) =>
    stream(`${READY}event: server.closing\ndata: {"reconnect_in_ms":3000000000}\n\n`, s),
  'a server that closes without a time': (s) => stream(`${READY}event: server.closing\ndata: {}\n\n`, s),
  'a server that closes without data': (s) => stream(`${READY}event: server.closing\ndata: null\n\n`, s),
}))
  test(`the stream waits before it reconnects after ${name}`, async () => {
    let delays = [];
    network((what, { signal }) => {
      if (what !== 'GET /v1/events') return undefined;
      delays = recordDelays();
      return respond(signal);
    });
    connectAs();
    await until(() => delays.length > 0);
    assert.ok(delays[0] >= 375 && delays[0] <= 60 * 60_000, `it waits ${delays[0]} ms`);
  });

test('the stream ends a connection that sends a line without end', async () => {
  const megabyte = new Uint8Array(1024 * 1024).fill(97);
  let [connections, sent] = [0, 0];
  network((what, { signal }) => {
    if (what !== 'GET /v1/events' || ++connections > 1) return undefined;
    const pull = (controller) => {
      if (sent++ < 32) controller.enqueue(megabyte);
      else return new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    return new Response(new ReadableStream({ pull }));
  });
  const ann = connectAs();
  await until(() => connections > 1 && ann.connection === 'open');
  assert.ok(sent < 16, `${sent} MB were read`);
});

/** A network in which messages can be sent, and what was sent. */
function messageNetwork() {
  const sent = [];
  network(async (what, request) => {
    if (what !== 'POST /v1/rooms/5/messages') return undefined;
    const message = await request.json();
    sent.push(message.text);
    return json({ ...message, id: sent.length, room_id: 5, sender: { id: 1 }, reactions: [], created_at: 'now' }, 201);
  });
  return sent;
}

const PREFIX = `parley.${SERVER}.1.unsent.`;
const stored = (values) =>
  JSON.stringify({
    client_id: 'x',
    room_id: 5,
    created_at: new Date().toISOString(),
    state: 'sending',
    file_ids: [],
    ...values,
  });

/** Runs f while nothing is printed, and returns what the SDK has reported. */
async function silently(f) {
  const { error } = console;
  const reported = [];
  console.error = (err) => reported.push(err.message);
  try {
    await f();
  } finally {
    console.error = error;
  }
  return reported;
}

for (const broken of ['get', 'set', 'remove', 'keys'])
  for (const how of ['throws', 'rejects'])
    test(`a message is sent though ${broken} of the storage ${how}`, async () => {
      const sent = messageNetwork();
      const storage = memoryStorage();
      storage.set(`${PREFIX}old.1`, stored({ text: 'from before' }));
      storage[broken] = () => {
        if (how === 'throws') throw new Error('disk is full');
        return Promise.reject(new Error('disk is full'));
      };
      const reported = await silently(async () => {
        const ann = connectAs('token', { storage });
        await ann.ready;
        await ann.rooms.get(5).send('hello').sent;
        await until(() => sent.length === (broken === 'get' || broken === 'keys' ? 1 : 2));
      });
      if (broken === 'set') assert.deepEqual(storage.keys(), [`${PREFIX}old.1`]); // it is not stored elsewhere
      assert.ok(sent.includes('hello') && reported.includes('disk is full'), `${sent} ${reported}`);
    });

test('stored messages that cannot be read are dropped, and the others are sent', async () => {
  const sent = messageNetwork();
  const storage = memoryStorage();
  const bad = ['{"room_id":', 'null', '5', '[]', '{}'];
  for (const values of [
    { room_id: '__proto__' },
    { text: { a: 1 } },
    { created_at: 7 },
    { created_at: 'tomorrow' },
    { state: 'weird' },
    { file_ids: 'abc' },
    { file_ids: [1] },
    { client_id: undefined },
    { reply_to: '4' },
    { type: 1 },
    { why: {} },
  ])
    bad.push(stored({ text: 'wrong', ...values }));
  bad.forEach((text, i) => storage.set(`${PREFIX}old.${i}`, text));
  storage.set(`${PREFIX}old.good`, stored({ text: 'good', files: 'x', retry: 'x' }));
  connectAs('token', { storage });
  await until(() => sent.length > 0 && storage.keys().length === 0);
  assert.deepEqual(sent, ['good']);
});

test('a message waits as long as the server asks for', async () => {
  let delays = [];
  network((what) => {
    if (what !== 'POST /v1/rooms/5/messages') return undefined;
    delays = recordDelays();
    return json({}, 429, { 'Retry-After': '60' });
  });
  const ann = connectAs();
  await ann.ready;
  ann.rooms.get(5).send('hello');
  await until(() => delays.length > 0);
  assert.equal(delays[0], 60_000);
});

test('a message that gets no answer is sent again', async () => {
  const keys = [];
  network((what, request) => {
    if (what !== 'POST /v1/rooms/5/messages') return undefined;
    keys.push(request.headers.get('Idempotency-Key'));
    return keys.length === 1 ? hang(request) : json({ id: 1, room_id: 5, sender: { id: 1 } }, 201);
  });
  const ann = connectAs();
  await ann.ready;
  recordDelays(20);
  const { sent } = ann.rooms.get(5).send('hello');
  await sent;
  assert.deepEqual(keys, [keys[0], keys[0]]);
});

/** A server that takes uploads, and responds with these headers to each chunk. Returns what requests there were. */
function uploadNetwork(headers) {
  const requests = [];
  network((what) => {
    if (!what.includes('/v1/uploads')) return undefined;
    requests.push(what.split(' ')[0]);
    const status = what.startsWith('POST') ? 201 : what.startsWith('HEAD') ? 200 : 204;
    return new Response(null, { status, headers: status === 201 ? { Location: '/v1/uploads/x' } : headers });
  });
  return requests;
}

for (const [name, headers] of Object.entries({
  'no offset': {},
  'an offset that is no number': { 'Upload-Offset': 'abc' },
  'a negative offset': { 'Upload-Offset': '-5' },
  'an offset beyond the end': { 'Upload-Offset': '4' },
  'the offset of before': { 'Upload-Offset': '0' },
  'the end, but no file': { 'Upload-Offset': '3' },
}))
  test(`an upload fails when the server says ${name}`, async () => {
    const requests = uploadNetwork(headers);
    const ann = connectAs();
    await ann.ready;
    const upload = ann.upload(5, new File(['tea'], 'tea.txt'));
    recordDelays(1);
    await assert.rejects(upload.file, /server/);
    assert.equal(upload.state, 'failed');
    const chunks = requests.filter((r) => r === 'PATCH').length;
    assert.ok(chunks <= 8, `${chunks} chunks were sent`);
  });

test('an upload fails when its file cannot be read any more', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'parley-sdk-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'shrinks');
  writeFileSync(file, 'tea');
  const data = await openAsBlob(file);
  writeFileSync(file, '');
  const requests = uploadNetwork({});
  const ann = connectAs();
  await ann.ready;
  const message = ann.rooms.get(5).send({ files: [{ name: 'tea.txt', data }] });
  await until(() => message.state === 'failed');
  assert.deepEqual([message.error.name, message.files[0].state, requests], ['NotReadableError', 'failed', ['POST']]);
});

test('a tab passes over what is no message of another tab', async (t) => {
  const other = new BroadcastChannel('key.stream');
  t.after(() => other.close());
  const answers = [];
  other.onmessage = ({ data }) => answers.push(data);
  const locks = { hold: (_name, f) => f(), whenGone() {} };
  const tab = new lowLevel.SharedStream({}, locks, 'key', 'own', true);
  t.after(() => tab.close());
  await tab.joined;
  const bad = [null, 5, {}, { type: 'join' }, { type: 'join', from: 'x' }, { type: 'join', from: 'x', rooms: null }];
  bad.push({ type: 'join', from: 'x', rooms: ['5'] }, { type: 'event', from: 'x' });
  for (const message of bad) other.postMessage(message);
  other.postMessage({ type: 'join', from: 'x', rooms: [5] });
  await until(() => answers.some((a) => a.type === 'state'));
  assert.equal(answers.filter((a) => a.type === 'state').length, 1);
});
