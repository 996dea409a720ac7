// Loads the web client's modules without a browser: with the globals that they need, and a fake server.

import { register } from 'node:module';

register('./served.mjs', import.meta.url);

// Without locks, as over plain http.
Object.defineProperty(globalThis, 'navigator', { value: { onLine: true }, configurable: true, writable: true });
globalThis.location = new URL('http://parley.example/');
globalThis.document = { addEventListener() {} };
globalThis.addEventListener = () => {};

const { BroadcastChannel } = globalThis;
globalThis.BroadcastChannel = class extends BroadcastChannel {
  constructor(name) {
    super(name);
    this.unref(); // otherwise Node.js does not exit
  }
};

const client = new URL('../../../../../handlers/web/client/', import.meta.url);

/** Loads a module of the client. Each instance has its own state, as in another tab. */
export const load = (name, instance = '') => import(new URL(name + (instance && `?${instance}`), client));

/** The requests of the client, such as "GET /v1/rooms/1". */
export const requests = [];
let respond = () => ({ status: 404 });

/** Sets the fake server: f returns the status and the data or a stream for a method, a path and a body, or throws. */
export function setServer(f) {
  requests.length = 0;
  respond = f;
}

const { Request } = globalThis;
globalThis.Request = class extends Request {
  constructor(path, init) {
    super(new URL(path, location), init);
  }
};
globalThis.fetch = async (path, init) => {
  const request = path instanceof Request ? path : new globalThis.Request(path, init);
  const { pathname, search } = new URL(request.url);
  requests.push(`${request.method} ${pathname}${search}`);
  const {
    status = 200,
    data,
    stream,
  } = await respond(request.method, pathname + search, request.body && (await request.json()));
  if (stream) return new Response(stream.pipeThrough(new TransformStream(), { signal: request.signal }));
  return new Response(data && JSON.stringify(data), { status });
};

/** Waits until all conditions hold, at most 2.5 seconds. */
export async function waitFor(...conditions) {
  for (let i = 0; i < 500 && !conditions.every((holds) => holds()); i++)
    await new Promise((done) => {
      setTimeout(done, 5);
    });
}

/** A message as in a response of the server. */
export const message = (id, more = {}) => ({
  id,
  room_id: 1,
  sender: { id: 7, username: 'bob', display_name: 'Bob' },
  type: 'text',
  text: `message ${id}`,
  files: [],
  reactions: [],
  created_at: new Date(Date.UTC(2026, 0, 1) + id * 1000).toISOString(),
  ...more,
});

/** A room that the user is a member of. */
export const room = (id, more = {}) => ({
  id,
  name: `room ${id}`,
  kind: 'public',
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
  member_count: 2,
  message_count: 0,
  last_message_id: 0,
  ...more,
  membership: {
    role: 'member',
    joined_at: '2026-01-01T00:00:00.000Z',
    last_read_id: 0,
    unread_count: 0,
    muted: false,
    ...more.membership,
  },
});
