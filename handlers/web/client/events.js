// Applies the events of the stream to the state of the page. An event may arrive twice, or describe a change that a
// response has already contained. So messages are counted by their id, and where applying an event twice would be
// wrong, the event only causes a new read.

import { getHistory, cachedHistory } from './history.js';
import { acknowledge } from './outbox.js';
import {
  putNameFromEvent,
  startTyping,
  refreshMembers,
  refreshPeople,
  refreshPins,
  setOnline,
  stopTyping,
} from './people.js';
import { countMessage, applyRead, removeRoom, refreshRoom } from './rooms.js';
import { notify, isMe, state } from './store.js';
import { enterAgain } from './stream.js';

/** Hooks, set by main.js. */
export const on = {
  /** @param {import('./types').Message} _m */ message(_m) {},
};

/** @type {Record<string, (data: any) => void>} */
const handlers = {
  'message.created': onMessage,
  'message.notification': onMessage,
  'message.edited': (m) => {
    putNameFromEvent(m.sender);
    cachedHistory(m.room_id)?.merge(m, true);
  },
  'message.deleted': ({ room_id, message_id }) => {
    cachedHistory(room_id)?.remove(message_id);
    forgetPin(room_id, message_id);
    void refreshRoom(room_id);
  },
  'history.cleared': ({ room_id, up_to_id }) => {
    cachedHistory(room_id)?.clear(up_to_id);
    if (isOpen(room_id)) void refreshPins(room_id).catch(() => {});
    void refreshRoom(room_id);
  },
  'room.created': (room) => {
    // A public room is announced to everybody. It is the user's own if they created it on another device.
    if (room.kind !== 'public' || isMe(room.owner_id)) void refreshRoom(room.id);
  },
  'room.updated': (room) => void refreshRoom(room.id),
  'room.deleted': ({ room_id }) => {
    if (state.rooms.has(room_id) || isOpen(room_id)) removeRoom(room_id);
  },
  'member.joined': (e) => {
    if (isMe(e.user.id)) enterAgain(e.room_id);
    onMember(e);
  },
  'member.left': onMember,
  'member.updated': onMember,
  'member.banned': onMember,
  'presence.entered': ({ room_id, user }) => setPresent(room_id, user, true),
  'presence.left': ({ room_id, user }) => setPresent(room_id, user, false),
  'user.online': ({ user, at }) => setOnline(user, true, at),
  'user.offline': ({ user, at }) => setOnline(user, false, at),
  typing: startTyping,
  'message.read': applyRead,
  'reaction.added': onReaction,
  'reaction.removed': onReaction,
  'pin.added': ({ room_id, message_id }) => {
    if (isOpen(room_id) && !state.pinned.has(message_id)) void refreshPins(room_id).catch(() => {});
  },
  'pin.removed': ({ room_id, message_id }) => forgetPin(room_id, message_id),
  'contact.added': onContact,
  'contact.removed': onContact,
};

/** @param {string} name @param {any} data */
export function apply(name, data) {
  handlers[name]?.(data); // unknown events are ignored: later servers may have more
}

/** @param {number} room */
const isOpen = (room) => state.open?.id === room;

/** @param {import('./types').Message} m */
function onMessage(m) {
  putNameFromEvent(m.sender);
  if (isMe(m.sender.id) && m.client_id) acknowledge(m);
  const isNew = m.id > (state.rooms.get(m.room_id)?.last_message_id ?? 0);
  (isOpen(m.room_id) ? getHistory(m.room_id) : cachedHistory(m.room_id))?.add(m);
  stopTyping(m.sender.id);
  if (m.deleted_at)
    void refreshRoom(m.room_id); // replayed after its deletion: it is not counted
  else countMessage(m);
  if (isNew && !isMe(m.sender.id) && !m.deleted_at) on.message(m);
}

/** @param {any} e */
function onMember({ room_id, user }) {
  if (isMe(user.id)) void refreshRoom(room_id);
  else if (isOpen(room_id)) void refreshRoom(room_id);
  // The member list of a large room is long: it is read soon only while it is shown.
  if (isOpen(room_id)) void refreshMembers(state.panel === 'members' ? 300 : 3000);
}

/** @param {number} room @param {import('./types').UserRef} user @param {boolean} isPresent */
function setPresent(room, user, isPresent) {
  putNameFromEvent(user);
  if (!isOpen(room)) return;
  if (isPresent) state.present.add(user.id);
  else {
    state.present.delete(user.id);
    stopTyping(user.id);
  }
  notify('members');
}

/** The event does not say whether the user reacted, so the message is read again. @param {any} e */
function onReaction({ room_id, message_id }) {
  cachedHistory(room_id)?.refresh(message_id);
}

/** @param {number} room @param {number} id */
function forgetPin(room, id) {
  if (isOpen(room) && state.pinned.delete(id)) notify('pins', 'timeline');
}

/** @param {any} e */
function onContact({ owner }) {
  if (isMe(owner.id)) void refreshPeople();
}
