// Reads the stream with the types of asyncapi.yaml; the argument is the server's address.
import type { Events } from './events/Events';

const server = process.argv[2]!;
const headers: Record<string, string> = { 'Content-Type': 'application/json' };

async function call(method: string, path: string, body?: object) {
  const response = await fetch(server + path, { method, headers, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response.status === 204 ? undefined : response.json();
}

/** The events of the stream, also those that are of a later version. */
async function* eventsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Events> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of stream) {
    const frames = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const field = new Map([...frame.matchAll(/^(\w+): (.*)$/gm)].map(([, name, value]) => [name, value]));
      if (!field.has('event')) continue;
      yield { id: field.get('id'), event: field.get('event'), data: JSON.parse(field.get('data')!) } as Events;
    }
  }
}

/** Prints an event. A reader that does not know its name passes it over. */
function show(event: Events) {
  switch (event.event) {
    case 'ready':
      return console.log(event.event, event.data.user_id === session.user.id, event.data.resumed);
    case 'message.created':
    case 'message.edited':
      return console.log(event.event, event.data.sender.username, event.data.id, event.data.text);
    case 'reaction.added':
      return console.log(event.event, event.data.message_id, event.data.emoji, event.data.count);
    case 'message.deleted':
      return console.log(event.event, event.data.message_id);
    case 'room.updated':
      return console.log(event.event, event.data.handle, event.data.name);
    case 'session.revoked':
    case 'server.closing':
    case 'resync':
    case 'busy':
      throw new Error(`${event.event} ${JSON.stringify(event.data)}`);
  }
}

const session = await call('POST', '/v1/users', { username: 'ada', password: 'correct horse battery' });
headers.Authorization = `Bearer ${session.access_token}`;
const room = await call('POST', '/v1/rooms', { handle: 'tea', name: 'Tea room' });
const stream = await fetch(`${server}/v1/events?room=${room.id}`, {
  headers: { ...headers, Accept: 'text/event-stream' },
});

const messages = `/v1/rooms/${room.id}/messages`;
await call('POST', messages, { text: 'Is the kettle on?' });
await call('PATCH', `${messages}/1`, { text: 'Is the kettle on yet?' });
await call('PUT', `${messages}/1/reactions/${encodeURIComponent('🫖')}`);
await call('DELETE', `${messages}/1`);
await call('PATCH', `/v1/rooms/${room.id}`, { name: 'Coffee room' });
for await (const event of eventsOf(stream.body!)) {
  show(event);
  if (event.event === 'room.updated') break;
}

/** What the compiler refuses: each line below must be an error, or the program does not compile. */
export function mistakes(event: Events) {
  // @ts-expect-error: an unknown event
  if (event.event === 'message.sent') return;
  // @ts-expect-error: not every event has a text
  event.data.text;
  if (event.event === 'message.created') {
    // @ts-expect-error: a tombstone has no text
    event.data.text.trim();
    // @ts-expect-error: a number
    event.data.room_id.trim();
  }
}
