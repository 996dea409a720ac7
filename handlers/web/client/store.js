// The state of the page, in one place, and who wants to know when a part of it changes. Views read it; the modules that
// talk to the server write it and say what changed.

/**
 * @typedef {import('./types').Room} Room
 * @typedef {import('./types').User} User
 * @typedef {import('./types').UserRef} UserRef
 * @typedef {import('./types').Member} Member
 * @typedef {import('./types').Unsent} Unsent
 * @typedef {'me' | 'rooms' | 'route' | 'timeline' | 'unsent' | 'members' | 'typing' | 'connection' | 'people' | 'pins' | 'panel'} Topic
 */

const initialState = () => ({
  /** @type {User | null} */ me: null,
  sessionId: '',
  /** The rooms that the user is a member of. @type {Map<number, Room>} */ rooms: new Map(),
  roomsLoaded: false,
  /** The room that is open; also one that the user only looks at. @type {Room | null} */ open: null,
  /** Why the open room cannot be shown. */ openError: '',
  /** The members of the open room. @type {Map<number, Member>} */ members: new Map(),
  membersComplete: false,
  /** Who is in the open room now. @type {Set<number>} */ present: new Set(),
  /** Who types in the open room, until when. @type {Map<number, { user: UserRef, until: number }>} */ typing:
    new Map(),
  /** People by the newest name that an answer or an event had for them. @type {Map<number, UserRef>} */ names:
    new Map(),
  /** Who is online, as far as it is known. @type {Map<number, boolean>} */ online: new Map(),
  /** Since when who is not online is away, as far as it is known. @type {Map<number, string>} */ lastSeen: new Map(),
  /** @type {Map<number, User>} */ contacts: new Map(),
  /** @type {Map<number, User>} */ blocked: new Map(),
  /** The pinned messages of the open room. @type {Set<number>} */ pinned: new Set(),
  /** What is not acknowledged yet, in the order in which it was written. @type {Unsent[]} */ unsent: [],
  /** How far the other one of a direct room has read. @type {Map<number, number>} */ seen: new Map(),
  /** @type {'connecting' | 'open' | 'offline'} */ connection: 'connecting',
  /** @type {'' | 'members' | 'pins' | 'search'} */ panel: '',
});

export const state = initialState();

/** Forgets everything that belongs to a user. */
export function reset() {
  Object.assign(state, initialState());
}

/** @type {Map<Topic, Set<() => void>>} */
const watchers = new Map();
/** @type {Set<Topic>} */
let pending = new Set();

/**
 * Calls f soon after each change of one of the topics, until the signal aborts.
 * @param {Topic[]} topics @param {() => void} f @param {AbortSignal} [signal]
 */
export function watch(topics, f, signal) {
  for (const topic of topics) {
    if (!watchers.has(topic)) watchers.set(topic, new Set());
    watchers.get(topic)?.add(f);
    signal?.addEventListener('abort', () => watchers.get(topic)?.delete(f));
  }
}

/** Says that something changed. Many changes at once are one call of each watcher. @param {...Topic} topics */
export function notify(...topics) {
  if (pending.size === 0) queueMicrotask(callWatchers);
  for (const topic of topics) pending.add(topic);
}

function callWatchers() {
  const topics = pending;
  pending = new Set();
  const called = new Set();
  for (const topic of topics) for (const f of watchers.get(topic) ?? []) called.add(f);
  for (const f of called) {
    try {
      f();
    } catch (err) {
      // one view's mistake must not blank the others
      console.error(err);
    }
  }
}

/** @param {number} id */
export const isMe = (id) => state.me?.id === id;

/** Somebody by their newest name: what is on the screen may be from before they changed it. @template {UserRef} T @param {T} user @returns {T} */
export function withCurrentName(user) {
  const newest = state.names.get(user.id);
  return newest && newest.display_name !== user.display_name ? { ...user, display_name: newest.display_name } : user;
}

/** Takes note of somebody's name, as the server has just told it. @param {UserRef} user */
export function putName({ id, username, display_name }) {
  const known = state.names.get(id);
  if (known?.display_name === display_name && known.username === username) return;
  state.names.set(id, { id, username, display_name });
  if (known) notify('people', 'members', 'timeline', 'rooms', 'typing');
}

/** The user, as the server knows them now. @param {User} user */
export function setMe(user) {
  state.me = user;
  putName(user);
  notify('me');
}

/** The other one of a direct room; nobody once their account was deleted. @param {Room} room */
export function partnerOf(room) {
  const partner = room.users?.find((u) => !isMe(u.id));
  return partner && withCurrentName(partner);
}

/** A direct room has no name of its own: the other one's it is. @param {Room} room */
export function roomTitle(room) {
  if (room.kind === 'direct') return partnerOf(room)?.display_name ?? 'Direct message';
  return room.name ?? room.handle ?? 'Room';
}

/** Whether the user may moderate a room. @param {Room | null} room */
export const canModerate = (room) =>
  room?.kind !== 'direct' && (room?.membership?.role === 'owner' || room?.membership?.role === 'moderator');

/** The open room, when the user is a member of it. */
export const openMembership = () => (state.open && state.rooms.get(state.open.id)?.membership) || null;
