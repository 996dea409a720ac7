// The web client's modules without a browser: what they need of one, and a server that answers as a test says.

Object.defineProperty(globalThis, 'navigator', { value: { onLine: true }, configurable: true, writable: true }); // without locks, as over plain http
globalThis.location = new URL('http://parley.example/');

const { BroadcastChannel } = globalThis;
globalThis.BroadcastChannel = class extends BroadcastChannel {
  constructor(name) {
    super(name);
    this.unref(); // Node.js waits for what may still come
  }
};

const client = new URL('../../../../../handlers/web/client/', import.meta.url);

/** A module of the client. One with another instance has a state of its own, as in another tab. */
export const load = (name, instance = '') => import(new URL(name + (instance && `?${instance}`), client));

/** What the client asked for: "GET /v1/rooms/1". */
export const asked = [];
let answer = () => ({ status: 404 });

/** From here on requests are answered so: by what f returns for a method, a path and a body, or throws. */
export function answers(f) {
  asked.length = 0;
  answer = f;
}

const { Request } = globalThis;
globalThis.Request = class extends Request {
  constructor(path, init) {
    super(new URL(path, location), init);
  }
};
globalThis.fetch = async (path, init) => {
  const request = new globalThis.Request(path, init);
  const { pathname, search } = new URL(request.url);
  asked.push(`${request.method} ${pathname}${search}`);
  const { status = 200, data } = await answer(
    request.method,
    pathname + search,
    request.body && (await request.json()),
  );
  return new Response(data && JSON.stringify(data), { status });
};

/** Once all that is under way has come to an end, and who watches was told. */
export async function settled(...until) {
  for (let i = 0; i < 500 && !until.every((ask) => ask()); i++)
    await new Promise((done) => {
      setTimeout(done, 5);
    });
}

/** A message as the server answers it. */
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

/** A room of the caller. */
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
