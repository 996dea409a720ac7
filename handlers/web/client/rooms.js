// The user's rooms: reading them, changing them, and keeping their counts right.

import { call, get, getAll, isPassing, newKey, Problem } from './api.js';
import { pause } from './dom.js';
import { noteSeen } from './people.js';
import { changed, isMe, noteName, partnerOf, state } from './store.js';
import { soon } from './tasks.js';

/** @typedef {import('./types').Room} Room */
/** @typedef {import('./types').Message} Message */

/** Reads all rooms. @returns {Promise<string>} the cursor that the stream goes on from */
export async function loadRooms() {
  const { items, event } = await getAll('/v1/rooms');
  state.rooms = new Map(items.map((r) => [r.id, r]));
  items.forEach(notePeople);
  state.roomsLoaded = true;
  if (state.open && state.rooms.has(state.open.id)) state.open = state.rooms.get(state.open.id) ?? null;
  changed('rooms');
  void refreshPartners(0);
  return event;
}

/** @param {Room} room */
function notePeople(room) {
  for (const user of room.users ?? []) if (!isMe(user.id)) noteName(user);
}

const MOST_PARTNERS = 30;

/** Who is online, of the latest direct rooms: the stream reports only changes while it is open. @param {number} [wait] */
export function refreshPartners(wait = 1000) {
  return soon('partners', async () => {
    const rooms = byActivity([...state.rooms.values()].filter((r) => r.kind === 'direct')).slice(0, MOST_PARTNERS);
    for (const room of rooms) await refreshPartner(room);
  }, wait);
}

/** @param {Room} room a direct one */
async function refreshPartner(room) {
  const partner = partnerOf(room);
  if (!partner) return;
  try {
    noteSeen(await get(`/v1/users/${partner.id}`));
    changed('people');
  } catch (err) {
    if (!(err instanceof Problem) || err.status !== 404) throw err; // 404: the account has just been deleted
  }
}

/** Reads a room again: its counts, its names, whether the user is still in it. @param {number} id */
export function refreshRoom(id) {
  return soon(`room ${id}`, async () => {
    let room = null;
    try {
      room = await get(`/v1/rooms/${id}`);
    } catch (err) {
      if (!(err instanceof Problem) || err.status !== 404 && err.status !== 403) throw err;
    }
    if (room?.membership) keepRoom(room);
    else dropRoom(id, room);
  });
}

/** @param {Room} room as the server answered it, to a member */
export function keepRoom(room) {
  notePeople(room);
  put(room);
}

/** @param {Room} room */
function put(room) {
  const known = state.rooms.get(room.id);
  if (known && room.last_message_id < known.last_message_id) { // older than an event that came meanwhile
    void refreshRoom(room.id);
    return;
  }
  state.rooms.set(room.id, room);
  if (state.open?.id === room.id) state.open = room;
  if (!known) refreshPartner(room).catch(() => {});
  changed('rooms');
}

/** @param {number} id @param {Room | null} [seen] the room as somebody outside of it sees it */
export function dropRoom(id, seen = null) {
  state.rooms.delete(id);
  if (state.open?.id === id) {
    state.open = seen;
    if (!seen) state.openError = 'You are not in this room any more, or it was deleted.';
    changed('route');
  }
  changed('rooms');
}

/** Counts a new message. One that is counted already is passed over. @param {Message} m */
export function countMessage(m) {
  const room = state.rooms.get(m.room_id);
  if (!room?.membership) {
    void refreshRoom(m.room_id);
    return;
  }
  if (m.id <= room.last_message_id) return;
  const unread = !isMe(m.sender.id) && m.id > room.membership.last_read_id;
  put({
    ...room, last_message_id: m.id, message_count: room.message_count + 1, updated_at: m.created_at, active_at: m.created_at,
    membership: { ...room.membership, unread_count: room.membership.unread_count + (unread ? 1 : 0) },
  });
}

/** Somebody read: the user, on whatever device, or the other one of a direct room. @param {{ room_id: number, user_id: number, message_id: number }} e */
export function countRead({ room_id, user_id, message_id }) {
  if (!isMe(user_id)) {
    state.seen.set(room_id, Math.max(message_id, state.seen.get(room_id) ?? 0));
    changed('timeline');
    return;
  }
  const room = state.rooms.get(room_id);
  if (!room?.membership || message_id <= room.membership.last_read_id) return;
  const all = message_id >= room.last_message_id;
  put({ ...room, membership: { ...room.membership, last_read_id: message_id, unread_count: all ? 0 : room.membership.unread_count } });
  if (!all) void refreshRoom(room_id);
}

const PATIENCE = 5000; // milliseconds before a read mark that did not arrive is tried again
/** Up to where the server did not let the user read. @type {Map<number, number>} */
const refused = new Map();

/**
 * The user has seen the newest message of a room. Of a muted room nothing is told that is not looked at, so its counts are
 * not called: what is on the screen shows whether there is something to record.
 * @param {number} id @param {number} newest the newest message of somebody else that is on the screen
 */
export async function markRead(id, newest) {
  const room = state.rooms.get(id);
  if (!room?.membership) return;
  const { last_read_id: before, unread_count: unread } = room.membership;
  const upTo = Math.max(newest, unread ? room.last_message_id : 0);
  if (upTo <= Math.max(before, refused.get(id) ?? 0)) return;
  countRead({ room_id: id, user_id: state.me?.id ?? 0, message_id: upTo });
  try {
    await call('PUT', `/v1/rooms/${id}/read`, { body: { message_id: upTo } });
  } catch (err) {
    if (isPassing(err)) await pause(PATIENCE);
    else refused.set(id, upTo);
    void refreshRoom(id); // it did not happen: the badge comes back
  }
}

/** @param {Record<string, any>} room */
export async function createRoom(room) {
  const { data } = await call('POST', '/v1/rooms', { body: room, key: newKey() });
  keepRoom(data);
  return data;
}

/** @param {number | string} room an id, or a handle behind a # */
export async function joinRoom(room) {
  const { data } = await call('PUT', `/v1/rooms/${encodeURIComponent(room)}/members/me`);
  keepRoom(data);
  return data;
}

/** @param {string} code */
export async function redeem(code) {
  const { data } = await call('POST', `/v1/invites/${encodeURIComponent(code)}`, { key: newKey() });
  keepRoom(data);
  return data;
}

/** @param {number} id */
export async function leaveRoom(id) {
  await call('DELETE', `/v1/rooms/${id}/members/me`);
  dropRoom(id);
}

/** @param {number} user */
export async function openDirect(user) {
  const { data } = await call('PUT', `/v1/users/${user}/direct`);
  keepRoom(data);
  return data;
}

/** @param {number} id @param {boolean} muted */
export async function mute(id, muted) {
  const { data } = await call('PATCH', `/v1/rooms/${id}/members/me`, { body: { muted } });
  const room = state.rooms.get(id);
  if (room) put({ ...room, membership: data });
}

/** When something last happened in a room. @param {Room} room */
const activityOf = (room) => room.active_at ?? room.updated_at;

/** The latest activity first. @param {Room[]} rooms */
export const byActivity = (rooms) => rooms.sort((a, b) => (activityOf(a) < activityOf(b) ? 1 : activityOf(a) > activityOf(b) ? -1 : b.id - a.id));

export const totalUnread = () => [...state.rooms.values()].reduce((n, r) => n + (r.membership && !r.membership.muted ? r.membership.unread_count : 0), 0);
