// The story that every generated client tells. The server's address is in the client.
import {
  createRoom,
  getGetFileContentUrl,
  getRoom,
  listEvents,
  listMessages,
  logIn,
  sendMessage,
  sendMessageForm,
  signUp,
} from './parley';

/** Returns what a call returned. Throws its problem. */
async function dataOf<T extends { status: number; data: unknown }, S extends T['status']>(
  call: Promise<T>,
  status: S,
): Promise<Extract<T, { status: S }>['data']> {
  const response = await call;
  if (response.status !== status) throw response.data;
  return response.data;
}

const ada = { username: 'ada', password: 'correct horse battery' };
console.log('signed up', (await dataOf(signUp(ada), 201)).user.username);
console.log('refused', (await dataOf(signUp(ada), 409)).code);
const session = await dataOf(logIn(ada), 201);
console.log('logged in', session.user.username);

const headers = { Authorization: `Bearer ${session.access_token}` };
const invalid = await dataOf(createRoom({ handle: '9 lives' }, { headers }), 400);
console.log('invalid', invalid.errors?.[0]?.field);
console.log('room', (await dataOf(createRoom({ handle: 'tea', name: 'Tea room' }, { headers }), 201)).handle);

const once = { headers: { ...headers, 'Idempotency-Key': 'kettle-1' } };
const question = await dataOf(sendMessage('%23tea', { text: 'Is the kettle on?' }, once), 201);
console.log('sent', question.id, question.text);
const file = new File(['Assam, Darjeeling\n'], 'list.txt', { type: 'text/plain' });
const answer = await dataOf(sendMessageForm('%23tea', { text: 'We have:', file: [file] }, { headers }), 201);
console.log('sent', answer.id, answer.files[0]!.name);
// The generated function reads every response as JSON.
const content = await fetch(getGetFileContentUrl(answer.files[0]!.id), { headers });
console.log('content', (await content.text()).trim());
const history = await dataOf(listMessages('%23tea', undefined, { headers }), 200);
console.log('history', history.items.map(({ text }) => text).join(' / '));
console.log('missing', (await dataOf(getRoom('%23coffee', { headers }), 404)).status);

let cursor: string | undefined;
do {
  const page = await dataOf(listEvents({ limit: 2, cursor }, { headers }), 200);
  for (const { event, data } of page.items) {
    if (event === 'message.created') console.log('event', event, data.id, data.text);
  }
  cursor = page.next_cursor;
} while (cursor);
