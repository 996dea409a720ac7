// The story that every generated client tells; the argument is the server's address.
import {
  createRoom, getFileContent, getRoom, listEvents, listMessages, logIn, sendMessage, sendMessageForm, signUp,
} from './parley';
import { client } from './parley/client.gen';

client.setConfig({ baseUrl: process.argv[2]! });

/** Returns what a call returned. Throws its problem. */
async function dataOf<T>(call: Promise<{ data?: T; error?: unknown }>): Promise<NonNullable<T>> {
  const { data, error } = await call;
  if (data == null) throw error;
  return data;
}

const ada = { username: 'ada', password: 'correct horse battery' };
console.log('signed up', (await dataOf(signUp({ body: ada }))).user.username);
console.log('refused', (await signUp({ body: ada })).error?.code);
const session = await dataOf(logIn({ body: ada }));
console.log('logged in', session.user.username);

client.setConfig({ auth: session.access_token });
console.log('invalid', (await createRoom({ body: { handle: '9 lives' } })).error?.errors?.[0]?.field);
console.log('room', (await dataOf(createRoom({ body: { handle: 'tea', name: 'Tea room' } }))).handle);

const path = { room: '#tea' };
const headers = { 'Idempotency-Key': 'kettle-1' };
const question = await dataOf(sendMessage({ path, headers, body: { text: 'Is the kettle on?' } }));
console.log('sent', question.id, question.text);
const file = new File(['Assam, Darjeeling\n'], 'list.txt', { type: 'text/plain' });
const answer = await dataOf(sendMessageForm({ path, body: { text: 'We have:', file: [file] } }));
console.log('sent', answer.id, answer.files[0]!.name);
const content = await dataOf(getFileContent({ path: { file: answer.files[0]!.id }, parseAs: 'blob' }));
console.log('content', (await (content as Blob).text()).trim());
const history = await dataOf(listMessages({ path }));
console.log('history', history.items.map(({ text }) => text).join(' / '));
console.log('missing', (await getRoom({ path: { room: '#coffee' } })).error?.status);

let cursor: string | undefined;
do {
  const page = await dataOf(listEvents({ query: { limit: 2, cursor } }));
  for (const { event, data } of page.items) {
    if (event === 'message.created') console.log('event', event, data.id, data.text);
  }
  cursor = page.next_cursor;
} while (cursor);
