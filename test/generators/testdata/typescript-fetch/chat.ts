// The story that every generated client tells; the argument is the server's address.
import {
  AccountsApi, Configuration, EventsApi, FilesApi, MessagesApi, ProblemFromJSON, ResponseError, RoomsApi, SessionsApi,
  type Problem,
} from './parley';

const basePath = process.argv[2];

/** Returns the problem that a call ends with. */
async function problemOf(call: Promise<unknown>): Promise<Problem> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ResponseError) return ProblemFromJSON(await error.response.json());
    throw error;
  }
  throw new Error('there is no problem');
}

const open = new Configuration({ basePath });
const newUser = { username: 'ada', password: 'correct horse battery' };
const created = await new AccountsApi(open).signUp({ newUser });
console.log('signed up', created.user.username);
console.log('refused', (await problemOf(new AccountsApi(open).signUp({ newUser }))).code);
const session = await new SessionsApi(open).logIn({ credentials: newUser });
console.log('logged in', session.user.username);

const config = new Configuration({ basePath, accessToken: session.accessToken });
const rooms = new RoomsApi(config);
const messages = new MessagesApi(config);
const invalid = await problemOf(rooms.createRoom({ newRoom: { handle: '9 lives' } }));
console.log('invalid', invalid.errors?.[0]?.field);
const room = await rooms.createRoom({ newRoom: { handle: 'tea', name: 'Tea room' } });
console.log('room', room.handle);

const question = await messages.sendMessage({
  room: '#tea',
  newMessage: { text: 'Is the kettle on?' },
  idempotencyKey: 'kettle-1',
});
console.log('sent', question.id, question.text);
const file = new File(['Assam, Darjeeling\n'], 'list.txt', { type: 'text/plain' });
const answer = await messages.sendMessageForm({ room: '#tea', text: 'We have:', file: [file] });
console.log('sent', answer.id, answer.files[0]!.name);
const content: Blob = await new FilesApi(config).getFileContent({ file: answer.files[0]!.id });
console.log('content', (await content.text()).trim());
const history = await messages.listMessages({ room: '#tea' });
console.log('history', history.items.map(({ text }) => text).join(' / '));
console.log('missing', (await problemOf(rooms.getRoom({ room: '#coffee' }))).status);

let cursor: string | undefined;
do {
  const page = await new EventsApi(config).listEvents({ limit: 2, cursor });
  for (const { event, data } of page.items) {
    if (event === 'message.created') console.log('event', event, data.id, data.text);
  }
  cursor = page.nextCursor;
} while (cursor);
