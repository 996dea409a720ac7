// Contacts, blocked users, the members of the open room, and online status.

import { call, get, getAll } from './api.js';
import { notify, isMe, setMe, putName, state } from './store.js';
import { runSoon } from './tasks.js';

/** @typedef {import('./types').User} User */
/** @typedef {import('./types').UserRef} UserRef */

export async function loadPeople() {
  const [contacts, blocked] = await Promise.all([getAll('/v1/contacts'), getAll('/v1/blocks')]);
  state.contacts = new Map(contacts.items.map((c) => [c.user.id, c.user]));
  state.blocked = new Map(blocked.items.map((c) => [c.user.id, c.user]));
  for (const { user } of contacts.items) updateUser(user);
  for (const { user } of blocked.items) putName(user);
  notify('people', 'timeline');
}

export const refreshPeople = () => runSoon('people', loadPeople);

/** @param {User | UserRef} user @param {boolean} on */
export async function setContact(user, on) {
  await call(on ? 'PUT' : 'DELETE', `/v1/contacts/${user.id}`);
  await loadPeople();
}

/** @param {User | UserRef} user @param {boolean} on */
export async function setBlocked(user, on) {
  await call(on ? 'PUT' : 'DELETE', `/v1/blocks/${user.id}`);
  await loadPeople();
}

/** @param {UserRef} user @param {boolean} online @param {string} at since when */
export function setOnline(user, online, at) {
  updateUser({ ...user, online, last_seen_at: online ? undefined : at });
  notify('people', 'members');
}

/** Reads the user's own profile again: it may have been changed on another device. */
export const refreshMe = () => runSoon('me', async () => setMe(await get('/v1/users/me')));

/**
 * Stores the name of a user in an event. The user's own name is read again instead: the event may be older than a
 * change.
 * @param {UserRef} user
 */
export function putNameFromEvent(user) {
  if (!isMe(user.id)) putName(user);
  else if (user.display_name !== state.me?.display_name) void refreshMe();
}

/** @param {UserRef & Pick<User, 'online' | 'last_seen_at'>} user as in a current response or event of the server */
export function updateUser(user) {
  if (!isMe(user.id)) putName(user);
  state.online.set(user.id, user.online);
  if (user.last_seen_at) state.lastSeen.set(user.id, user.last_seen_at);
  else state.lastSeen.delete(user.id);
}

const MAX_MEMBERS = 1000; // of a larger room, only the first are listed

/** Reads the members of the open room, and who is present. @param {number} [wait] */
export function refreshMembers(wait = 60) {
  const room = state.open?.id;
  if (!room) return Promise.resolve();
  return runSoon(
    `members ${room}`,
    async () => {
      const { items, complete } = await getAll(`/v1/rooms/${room}/members`, MAX_MEMBERS);
      if (state.open?.id !== room) return;
      state.members = new Map(items.map((m) => [m.user.id, m]));
      state.membersComplete = complete;
      state.present = new Set(items.filter((m) => m.present).map((m) => m.user.id));
      for (const m of items) updateUser(m.user);
      notify('members', 'people');
    },
    wait,
  );
}

/** @param {number} room */
export async function refreshPins(room) {
  const { items } = await getAll(`/v1/rooms/${room}/pins`);
  if (state.open?.id !== room) return items;
  state.pinned = new Set(items.map((p) => p.message.id));
  notify('pins', 'timeline');
  return items;
}

const TYPING_DURATION = 5000;

/** @param {{ room_id: number, user: UserRef, until: string }} e */
export function startTyping({ room_id, user }) {
  if (room_id !== state.open?.id || isMe(user.id) || state.blocked.has(user.id)) return;
  putName(user);
  // By the local clock, which may differ from the server's.
  state.typing.set(user.id, { user, until: Date.now() + TYPING_DURATION });
  notify('typing');
  setTimeout(() => {
    if ((state.typing.get(user.id)?.until ?? Infinity) > Date.now() + 50) return;
    state.typing.delete(user.id);
    notify('typing');
  }, TYPING_DURATION + 10);
}

/** @param {number} user */
export function stopTyping(user) {
  if (state.typing.delete(user)) notify('typing');
}
