// Contacts, blocks, the members of the open room, and who is online.

import { call, get, getAll } from './api.js';
import { changed, isMe, keepMe, noteName, state } from './store.js';
import { soon } from './tasks.js';

/** @typedef {import('./types').User} User */
/** @typedef {import('./types').UserRef} UserRef */

export async function loadPeople() {
  const [contacts, blocked] = await Promise.all([getAll('/v1/contacts'), getAll('/v1/blocks')]);
  state.contacts = new Map(contacts.items.map((c) => [c.user.id, c.user]));
  state.blocked = new Map(blocked.items.map((c) => [c.user.id, c.user]));
  for (const { user } of contacts.items) noteSeen(user);
  for (const { user } of blocked.items) noteName(user);
  changed('people', 'timeline');
}

export const refreshPeople = () => soon('people', loadPeople);

/** @param {User | UserRef} user @param {boolean} on */
export async function setContact(user, on) {
  await call(on ? 'PUT' : 'DELETE', `/v1/contacts/${user.id}`);
  await loadPeople();
}

/** @param {User | UserRef} user @param {boolean} on */
export async function setBlock(user, on) {
  await call(on ? 'PUT' : 'DELETE', `/v1/blocks/${user.id}`);
  await loadPeople();
}

/** @param {UserRef} user @param {boolean} online @param {string} at since when */
export function setOnline(user, online, at) {
  noteSeen({ ...user, online, last_seen_at: online ? undefined : at });
  changed('people', 'members');
}

/** Reads one's own profile again: it may have been changed on another device. */
export const refreshMe = () => soon('me', async () => keepMe(await get('/v1/users/me')));

/** Takes note of a name that an event told. One's own is a hint alone: the event may be older than the change. @param {UserRef} user */
export function heardOf(user) {
  if (!isMe(user.id)) noteName(user);
  else if (user.display_name !== state.me?.display_name) void refreshMe();
}

/** @param {UserRef & Pick<User, 'online' | 'last_seen_at'>} user as the server knows them now */
export function noteSeen(user) {
  if (!isMe(user.id)) noteName(user);
  state.online.set(user.id, user.online);
  if (user.last_seen_at) state.lastSeen.set(user.id, user.last_seen_at);
  else state.lastSeen.delete(user.id);
}

const MOST_MEMBERS = 1000; // of a larger room the first are listed

/** The members of the open room, and who is in it now. @param {number} [wait] */
export function refreshMembers(wait = 60) {
  const room = state.open?.id;
  if (!room) return Promise.resolve();
  return soon(
    `members ${room}`,
    async () => {
      const { items, complete } = await getAll(`/v1/rooms/${room}/members`, MOST_MEMBERS);
      if (state.open?.id !== room) return;
      state.members = new Map(items.map((m) => [m.user.id, m]));
      state.membersComplete = complete;
      state.present = new Set(items.filter((m) => m.present).map((m) => m.user.id));
      for (const m of items) noteSeen(m.user);
      changed('members', 'people');
    },
    wait,
  );
}

/** @param {number} room */
export async function refreshPins(room) {
  const { items } = await getAll(`/v1/rooms/${room}/pins`);
  if (state.open?.id !== room) return items;
  state.pinned = new Set(items.map((p) => p.message.id));
  changed('pins', 'timeline');
  return items;
}

const TYPING_LIFE = 5000;

/** @param {{ room_id: number, user: UserRef, until: string }} e */
export function noteTyping({ room_id, user }) {
  if (room_id !== state.open?.id || isMe(user.id) || state.blocked.has(user.id)) return;
  noteName(user);
  // By this machine's clock, which need not agree with the server's.
  state.typing.set(user.id, { user, until: Date.now() + TYPING_LIFE });
  changed('typing');
  setTimeout(() => {
    if ((state.typing.get(user.id)?.until ?? Infinity) > Date.now() + 50) return;
    state.typing.delete(user.id);
    changed('typing');
  }, TYPING_LIFE + 10);
}

/** @param {number} user */
export function stopTyping(user) {
  if (state.typing.delete(user)) changed('typing');
}
