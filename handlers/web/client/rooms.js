// The user's rooms: reads them, changes them, and keeps their counts.

import { call, get, getAll, isTransient, newKey, Problem } from './api.js';
import { pause } from './dom.js';
import { updateUser } from './people.js';
import { notify, isMe, putName, partnerOf, state } from './store.js';
import { runSoon } from './tasks.js';

/** @typedef {import('./types').Room} Room */
/** @typedef {import('./types').Message} Message */

/** Reads all rooms. @returns {Promise<string>} the cursor that the stream starts from */
export async function loadRooms() {
  const { items, event } = await getAll('/v1/rooms');
  state.rooms = new Map(items.map((r) => [r.id, r]));
  items.forEach(putNames);
  state.roomsLoaded = true;
  if (state.open && state.rooms.has(state.open.id)) state.open = state.rooms.get(state.open.id) ?? null;
  notify('rooms');
  void refreshPartners(0);
  return event;
}

/** @param {Room} room */
function putNames(room) {
  for (const user of room.users ?? []) if (!isMe(user.id)) putName(user);
}

const MAX_PARTNERS = 30;

/**
 * Reads the online status of the partners of the most recent direct rooms: the stream reports only changes while it is
 * open.
 * @param {number} [wait] milliseconds
 */
export function refreshPartners(wait = 1000) {
  return runSoon(
    'partners',
    async () => {
      const rooms = sortByActivity([...state.rooms.values()].filter((r) => r.kind === 'direct')).slice(0, MAX_PARTNERS);
      for (const room of rooms) await refreshPartner(room);
    },
    wait,
  );
}

/** @param {Room} room a direct room */
async function refreshPartner(room) {
  const partner = partnerOf(room);
  if (!partner) return;
  try {
    updateUser(await get(`/v1/users/${partner.id}`));
    notify('people');
  } catch (err) {
    if (!(err instanceof Problem) || err.status !== 404) throw err; // 404: the account has just been deleted
  }
}

/** Reads a room again: its counts, its names, and whether the user is still a member. @param {number} id */
export function refreshRoom(id) {
  return runSoon(`room ${id}`, async () => {
    let room = null;
    try {
      room = await get(`/v1/rooms/${id}`);
    } catch (err) {
      if (!(err instanceof Problem) || (err.status !== 404 && err.status !== 403)) throw err;
    }
    if (room?.membership) updateRoom(room);
    else removeRoom(id, room);
  });
}

/** @param {Room} room as in the response to a member */
export function updateRoom(room) {
  putNames(room);
  putRoom(room);
}

/** @param {Room} room */
function putRoom(room) {
  const known = state.rooms.get(room.id);
  if (known && room.last_message_id < known.last_message_id) {
    // older than an event that has arrived meanwhile
    void refreshRoom(room.id);
    return;
  }
  state.rooms.set(room.id, room);
  if (state.open?.id === room.id) state.open = room;
  if (!known) refreshPartner(room).catch(() => {});
  notify('rooms');
}

/** @param {number} id @param {Room | null} [seen] the room as a non-member sees it */
export function removeRoom(id, seen = null) {
  state.rooms.delete(id);
  if (state.open?.id === id) {
    state.open = seen;
    if (!seen) state.openError = 'You are not in this room any more, or it was deleted.';
    notify('route');
  }
  notify('rooms');
}

/** Counts a new message. A message that is already counted is ignored. @param {Message} m */
export function countMessage(m) {
  const room = state.rooms.get(m.room_id);
  if (!room?.membership) {
    void refreshRoom(m.room_id);
    return;
  }
  if (m.id <= room.last_message_id) return;
  const isUnread = !isMe(m.sender.id) && m.id > room.membership.last_read_id;
  putRoom({
    ...room,
    last_message_id: m.id,
    message_count: room.message_count + 1,
    updated_at: m.created_at,
    active_at: m.created_at,
    membership: { ...room.membership, unread_count: room.membership.unread_count + (isUnread ? 1 : 0) },
  });
}

/**
 * Applies a read mark: of the user, from any device, or of the partner in a direct room.
 * @param {{ room_id: number, user_id: number, message_id: number }} e
 */
export function applyRead({ room_id, user_id, message_id }) {
  if (!isMe(user_id)) {
    state.seen.set(room_id, Math.max(message_id, state.seen.get(room_id) ?? 0));
    notify('timeline');
    return;
  }
  const room = state.rooms.get(room_id);
  if (!room?.membership || message_id <= room.membership.last_read_id) return;
  const isAllRead = message_id >= room.last_message_id;
  putRoom({
    ...room,
    membership: {
      ...room.membership,
      last_read_id: message_id,
      unread_count: isAllRead ? 0 : room.membership.unread_count,
    },
  });
  if (!isAllRead) void refreshRoom(room_id);
}

const READ_RETRY_DELAY = 5000; // milliseconds until a failed read mark may be sent again
/** The read marks that the server refused, by room. @type {Map<number, number>} */
const refusedReads = new Map();

/**
 * Sends a read mark: the user has seen the newest message of a room. A muted room gets no events about new messages, so
 * its counts may be outdated: the message on the screen decides whether there is something to mark.
 * @param {number} id @param {number} newest the newest message of another user on the screen
 */
export async function markRead(id, newest) {
  const room = state.rooms.get(id);
  if (!room?.membership) return;
  const { last_read_id: before, unread_count: unread } = room.membership;
  const upTo = Math.max(newest, unread ? room.last_message_id : 0);
  if (upTo <= Math.max(before, refusedReads.get(id) ?? 0)) return;
  applyRead({ room_id: id, user_id: state.me?.id ?? 0, message_id: upTo });
  try {
    await call('PUT', `/v1/rooms/${id}/read`, { body: { message_id: upTo } });
  } catch (err) {
    if (isTransient(err)) await pause(READ_RETRY_DELAY);
    else refusedReads.set(id, upTo);
    void refreshRoom(id); // the mark failed: the badge is shown again
  }
}

/** @param {Record<string, any>} room */
export async function createRoom(room) {
  const { data } = await call('POST', '/v1/rooms', { body: room, key: newKey() });
  updateRoom(data);
  return data;
}

/** @param {number | string} room an id, or # and a handle */
export async function joinRoom(room) {
  const { data } = await call('PUT', `/v1/rooms/${encodeURIComponent(room)}/members/me`);
  updateRoom(data);
  return data;
}

/** @param {string} code */
export async function redeemInvite(code) {
  const { data } = await call('POST', `/v1/invites/${encodeURIComponent(code)}`, { key: newKey() });
  updateRoom(data);
  return data;
}

/** @param {number} id */
export async function leaveRoom(id) {
  await call('DELETE', `/v1/rooms/${id}/members/me`);
  removeRoom(id);
}

/** @param {number} user */
export async function openDirect(user) {
  const { data } = await call('PUT', `/v1/users/${user}/direct`);
  updateRoom(data);
  return data;
}

/** @param {number} id @param {boolean} muted */
export async function setMuted(id, muted) {
  const { data } = await call('PATCH', `/v1/rooms/${id}/members/me`, { body: { muted } });
  const room = state.rooms.get(id);
  if (room) putRoom({ ...room, membership: data });
}

/** The time of the last activity in a room. @param {Room} room */
const lastActivity = (room) => room.active_at ?? room.updated_at;

/** Sorts rooms in place, the most recent activity first. @param {Room[]} rooms */
export const sortByActivity = (rooms) =>
  rooms.sort((a, b) => (lastActivity(a) < lastActivity(b) ? 1 : lastActivity(a) > lastActivity(b) ? -1 : b.id - a.id));

export const totalUnread = () =>
  [...state.rooms.values()].reduce(
    (n, r) => n + (r.membership && !r.membership.muted ? r.membership.unread_count : 0),
    0,
  );
