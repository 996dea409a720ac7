// A chat over Parley with requests and events typed by the contract: openapi-typescript generates parley.d.ts, and
// openapi-fetch makes the requests. The argument is the server's address; the results are printed as JSON.
import createClient from 'openapi-fetch';
import type { components, paths } from './parley';

type Schemas = components['schemas'];
type StreamEvent = {
  [name in Extract<keyof Schemas, `Event${string}`>]: Schemas[name] extends { event: string } ? Schemas[name] : never;
}[Extract<keyof Schemas, `Event${string}`>];
type Message = Schemas['Message'];
type ErrorCode = components['schemas']['ErrorCode'];

const [baseUrl = 'http://127.0.0.1:8080'] = process.argv.slice(2);
const connect = (headers = {}) => createClient<paths>({ baseUrl, headers });

/** Returns the data of a response. Throws a problem, with its code. */
function dataOf<T>({ data, error }: { data?: T; error?: components['schemas']['Problem'] }): T {
  if (error) throw new Error(`${error.code}: ${error.detail ?? error.title}`);
  return data as T;
}

/** The events of a stream, including those of an unknown type. */
async function* eventsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of stream) {
    const frames = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const field = new Map([...frame.matchAll(/^(\w+): (.*)$/gm)].map(([, name, value]) => [name, value]));
      const event = { id: field.get('id'), event: field.get('event'), data: JSON.parse(field.get('data') ?? 'null') };
      if (event.event) yield event as StreamEvent;
    }
  }
}

// An account, and the error for a taken name.

const signUp = { username: 'toni', password: 'correct horse', display_name: 'Toni' };
const session = dataOf(await connect().POST('/v1/users', { body: signUp }));
const toni = connect({ Authorization: `Bearer ${session.access_token}` });
const refused: ErrorCode[] = [];
const again = await connect().POST('/v1/users', { body: signUp });
if (again.error?.code === 'username_taken') refused.push(again.error.code);
const short = await connect().POST('/v1/users', { body: { username: 'x', password: 'correct horse' } });
if (short.error?.code === 'invalid_request') refused.push(short.error.code);
const wrongFields = short.error?.errors?.map(({ field }) => field) ?? [];

// A room. Paths may contain its handle instead of its id.

const room = dataOf(await toni.POST('/v1/rooms', { body: { handle: 'tea', name: 'Tea room' } }));
const path = { room: '#tea' };

// The stream starts at the cursor of the response, so that no event is missed.

const rooms = await toni.GET('/v1/rooms');
const open = new AbortController();
const { data: stream } = await toni.GET('/v1/events', {
  params: { query: { room: [room.id], last_event_id: rooms.response.headers.get('Event-Cursor') ?? '' } },
  parseAs: 'stream',
  signal: open.signal,
});

// A message that is sent twice, as after a lost response, and stored once.

const once = {
  params: { path, header: { 'Idempotency-Key': crypto.randomUUID() } },
  body: { text: 'Is the kettle on?' },
};
const first = await toni.POST('/v1/rooms/{room}/messages', once);
const second = await toni.POST('/v1/rooms/{room}/messages', once);
const sent = [dataOf(first).id, dataOf(second).id];
const replayed = second.response.headers.get('Idempotency-Replayed');

// A file is sent as a form. In the types its field is a string, which is replaced by the form.

const form = new FormData();
form.append('file', new Blob(['Assam, Darjeeling\n'], { type: 'text/plain' }), 'list.txt');
const file = dataOf(
  await toni.POST('/v1/rooms/{room}/files', {
    params: { path },
    body: { file: 'list.txt' },
    bodySerializer: () => form,
  }),
);
dataOf(
  await toni.POST('/v1/rooms/{room}/messages', {
    params: { path },
    body: { type: 'file', text: 'We have:', file_ids: [file.id] },
  }),
);
const content = dataOf(
  await toni.GET('/v1/files/{file}/content', {
    params: { path: { file: file.id }, query: { download: 1 } },
    parseAs: 'text',
  }),
);
dataOf(
  await toni.POST('/v1/rooms/{room}/messages', { params: { path }, body: { text: 'Two minutes.', reply_to: sent[0] } }),
);
dataOf(
  await toni.PUT('/v1/rooms/{room}/messages/{message}/reactions/{emoji}', {
    params: { path: { ...path, message: 3, emoji: '🫖' } },
  }),
);

// The history, page by page, and a search.

const history: Message[] = [];
for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
  const page = dataOf(
    await toni.GET('/v1/rooms/{room}/messages', { params: { path, query: { after: 1, limit: 1, cursor } } }),
  );
  history.push(...page.items);
  cursor = page.next_cursor;
}
const found = dataOf(await toni.GET('/v1/rooms/{room}/messages/search', { params: { path, query: { q: 'kettle' } } }));

// The events of the stream. The name of an event determines the type of its data.

const received: string[] = [];
function show(event: StreamEvent): boolean {
  switch (event.event) {
    case 'ready':
      received.push(`${event.event} ${event.data.user_id === session.user.id}`);
      return true;
    case 'message.created':
      received.push(
        `${event.event} ${event.data.sender.username}: ${event.data.text} ${event.data.files.map(({ name }) => name)}`,
      );
      return true;
    case 'reaction.added':
      received.push(`${event.event} ${event.data.message_id} ${event.data.emoji}`);
      return false;
    case 'resync':
      throw new Error(`away for too long: ${event.data.reason}`);
    default: // not used here, or newer than this program
      received.push(event.event);
      return true;
  }
}
for await (const event of eventsOf(stream as ReadableStream<Uint8Array>)) {
  if (!show(event)) break;
}
open.abort();
const newer = new Blob(['event: room.painted\ndata: {"colour":"green"}\n\n']).stream();
for await (const event of eventsOf(newer)) show(event);

// The same log, page by page.

const log = dataOf(await toni.GET('/v1/events/log'));
const polled = log.items.filter((event) => event.event === 'message.created').map(({ data }) => data.id);

console.log(
  JSON.stringify({
    refused,
    wrongFields,
    sent,
    replayed,
    content,
    events: received,
    polled,
    history: history.map(({ text }) => text),
    found: found.items.map(({ id }) => id),
  }),
);

/** What the compiler refuses: each line below must be an error, or the program does not compile. */
export function mistakes(event: StreamEvent, message: Message) {
  // @ts-expect-error: an unknown path
  void toni.GET('/v1/room');
  // @ts-expect-error: an unknown field; a body with only optional fields is checked by "satisfies" only
  void ({ txt: 'Sugar?' } satisfies components['schemas']['NewMessage']);
  // @ts-expect-error: the text is a string
  void toni.POST('/v1/rooms/{room}/messages', { params: { path }, body: { text: 4 } });
  // @ts-expect-error: an unknown type of message
  void toni.POST('/v1/rooms/{room}/messages', { params: { path }, body: { type: 'video', text: 'Sugar?' } });
  // @ts-expect-error: a room in a path is a string
  void toni.GET('/v1/rooms/{room}', { params: { path: { room: 2 } } });
  // @ts-expect-error: direct rooms are not created this way
  void toni.POST('/v1/rooms', { body: { name: 'Tea room', kind: 'direct' } });
  // @ts-expect-error: a target is required
  void toni.POST('/v1/messages', { body: { text: 'Sugar?' } });
  // @ts-expect-error: an unknown event
  if (event.event === 'message.sent') return;
  // @ts-expect-error: not every event has a text
  event.data.text.trim();
  if (event.event === 'message.deleted') {
    void event.data.message_id;
    // @ts-expect-error: a deleted message has no text
    event.data.text.trim();
  }
  // @ts-expect-error: a tombstone has no text
  message.text.trim();
}
