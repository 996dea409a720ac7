// What the SDK does when the server or a proxy responds with nonsense. Its responses are made here, without a server.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { disturb, open, until } from './support.mjs';

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

/** Collects the delays of all timers that are set from now on, but for those of less than 300 ms, which are joined reads. */
function recordDelays() {
  const delays = [];
  globalThis.setTimeout = (f, ms, ...rest) => {
    if (!(ms > 0 && ms < 300)) delays.push(ms);
    return setTimeout(f, ms, ...rest);
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
