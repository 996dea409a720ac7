// What each event of the stream changes here. An event may come twice, or report what an answer has reported already:
// messages are counted by their number, and for whatever cannot be told twice the event is a hint to read again.

import { historyOf, knownHistory } from './history.js';
import { confirm } from './outbox.js';
import { heardOf, noteTyping, refreshMembers, refreshPeople, refreshPins, setOnline, stopTyping } from './people.js';
import { countMessage, countRead, dropRoom, refreshRoom } from './rooms.js';
import { changed, isMe, state } from './store.js';

/** What the page does with what is for a person; main.js says. */
export const on = {
  /** @param {import('./types').Message} _m */ message(_m) {},
};

/** @type {Record<string, (data: any) => void>} */
const handlers = {
  'message.created': message,
  'message.notification': message,
  'message.edited': (m) => {
    heardOf(m.sender);
    knownHistory(m.room_id)?.merge(m, true);
  },
  'message.deleted': ({ room_id, message_id }) => {
    knownHistory(room_id)?.remove(message_id);
    forgetPin(room_id, message_id);
    void refreshRoom(room_id);
  },
  'history.cleared': ({ room_id, up_to_id }) => {
    knownHistory(room_id)?.clear(up_to_id);
    if (isOpen(room_id)) void refreshPins(room_id).catch(() => {});
    void refreshRoom(room_id);
  },
  'room.created': (room) => {
    // A public room is announced to everybody; it is one's own when one made it elsewhere.
    if (room.kind !== 'public' || isMe(room.owner_id)) void refreshRoom(room.id);
  },
  'room.updated': (room) => void refreshRoom(room.id),
  'room.deleted': ({ room_id }) => {
    if (state.rooms.has(room_id) || isOpen(room_id)) dropRoom(room_id);
  },
  'member.joined': member,
  'member.left': member,
  'member.updated': member,
  'member.banned': member,
  'presence.entered': ({ room_id, user }) => present(room_id, user, true),
  'presence.left': ({ room_id, user }) => present(room_id, user, false),
  'user.online': ({ user, at }) => setOnline(user, true, at),
  'user.offline': ({ user, at }) => setOnline(user, false, at),
  typing: noteTyping,
  'message.read': countRead,
  'reaction.added': reaction,
  'reaction.removed': reaction,
  'pin.added': ({ room_id, message_id }) => {
    if (isOpen(room_id) && !state.pinned.has(message_id)) void refreshPins(room_id).catch(() => {});
  },
  'pin.removed': ({ room_id, message_id }) => forgetPin(room_id, message_id),
  'contact.added': contact,
  'contact.removed': contact,
};

/** @param {string} name @param {any} data */
export function apply(name, data) {
  handlers[name]?.(data); // what is not known is passed over: the stream may gain events
}

/** @param {number} room */
const isOpen = (room) => state.open?.id === room;

/** @param {import('./types').Message} m */
function message(m) {
  heardOf(m.sender);
  if (isMe(m.sender.id) && m.client_id) confirm(m);
  const news = m.id > (state.rooms.get(m.room_id)?.last_message_id ?? 0);
  (isOpen(m.room_id) ? historyOf(m.room_id) : knownHistory(m.room_id))?.add(m);
  stopTyping(m.sender.id);
  if (m.deleted_at) void refreshRoom(m.room_id); // replayed once it was deleted: it counts nowhere
  else countMessage(m);
  if (news && !isMe(m.sender.id) && !m.deleted_at) on.message(m);
}

/** @param {any} e */
function member({ room_id, user }) {
  if (isMe(user.id)) void refreshRoom(room_id);
  else if (isOpen(room_id)) void refreshRoom(room_id);
  // The list of a large room is long: it is read at once only when somebody looks at it.
  if (isOpen(room_id)) void refreshMembers(state.panel === 'members' ? 300 : 3000);
}

/** @param {number} room @param {import('./types').UserRef} user @param {boolean} inside */
function present(room, user, inside) {
  heardOf(user);
  if (!isOpen(room)) return;
  if (inside) state.present.add(user.id);
  else {
    state.present.delete(user.id);
    stopTyping(user.id);
  }
  changed('members');
}

/** Counts cannot be told twice, and whose they are is not told: the message is read again. @param {any} e */
function reaction({ room_id, message_id }) {
  knownHistory(room_id)?.refresh(message_id);
}

/** @param {number} room @param {number} id */
function forgetPin(room, id) {
  if (isOpen(room) && state.pinned.delete(id)) changed('pins', 'timeline');
}

/** @param {any} e */
function contact({ owner }) {
  if (isMe(owner.id)) void refreshPeople();
}
