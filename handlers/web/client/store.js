// The state of the page, in one place, and its watchers. Views read it; the modules that talk to the server write it
// and notify the watchers of the changed topics.

/**
 * @typedef {import('./types').Room} Room
 * @typedef {import('./types').User} User
 * @typedef {import('./types').UserRef} UserRef
 * @typedef {import('./types').Member} Member
 * @typedef {import('./types').Unsent} Unsent
 * @typedef {'me' | 'rooms' | 'route' | 'timeline' | 'unsent' | 'members' | 'typing' | 'connection' | 'people' | 'pins'
 *   | 'panel'} Topic
 */

const initialState = () => ({
  /** @type {User | null} */ me: null,
  sessionId: '',
  /** The rooms that the user is a member of. @type {Map<number, Room>} */ rooms: new Map(),
  roomsLoaded: false,
  /** The room that is open; the user need not be a member. @type {Room | null} */ open: null,
  /** Why the open room cannot be shown. */ openError: '',
  /** The members of the open room. @type {Map<number, Member>} */ members: new Map(),
  membersComplete: false,
  /** The users who are present in the open room. @type {Set<number>} */ present: new Set(),
  /**
   * The users who are typing in the open room, and until when.
   * @type {Map<number, { user: UserRef, until: number }>}
   */
  typing: new Map(),
  /** The newest names of users, from responses and events. @type {Map<number, UserRef>} */ names: new Map(),
  /** Whether users are online; unknown if missing. @type {Map<number, boolean>} */ online: new Map(),
  /** When offline users were last seen; unknown if missing. @type {Map<number, string>} */ lastSeen: new Map(),
  /** @type {Map<number, User>} */ contacts: new Map(),
  /** @type {Map<number, User>} */ blocked: new Map(),
  /** The pinned messages of the open room. @type {Set<number>} */ pinned: new Set(),
  /** What is not acknowledged, in the order in which it was written. @type {readonly Unsent[]} */ unsent: [],
  /** How far the partner has read, by direct room. @type {Map<number, number>} */ seen: new Map(),
  /** @type {'connecting' | 'open' | 'offline'} */ connection: 'connecting',
  /** @type {'' | 'members' | 'pins' | 'search'} */ panel: '',
});

export const state = initialState();

/** Deletes all state of the user. */
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

/** Notifies the watchers of topics. Several changes at once cause one call of each watcher. @param {...Topic} topics */
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
      // an error in one view must not affect the others
      console.error(err);
    }
  }
}

/** @param {number} id */
export const isMe = (id) => state.me?.id === id;

/**
 * The user with their newest name: a loaded message may have an older one.
 * @template {UserRef} T @param {T} user @returns {T}
 */
export function withCurrentName(user) {
  const newest = state.names.get(user.id);
  return newest && newest.display_name !== user.display_name ? { ...user, display_name: newest.display_name } : user;
}

/** Stores the name of a user from a response or an event. @param {UserRef} user */
export function putName({ id, username, display_name }) {
  const known = state.names.get(id);
  if (known?.display_name === display_name && known.username === username) return;
  state.names.set(id, { id, username, display_name });
  if (known) notify('people', 'members', 'timeline', 'rooms', 'typing');
}

/** Stores the profile of the logged-in user. @param {User} user */
export function setMe(user) {
  state.me = user;
  putName(user);
  notify('me');
}

/** The other user of a direct room; undefined if their account was deleted. @param {Room} room */
export function partnerOf(room) {
  const partner = room.users?.find((u) => !isMe(u.id));
  return partner && withCurrentName(partner);
}

/** The title of a room; of a direct room, it is the partner's name. @param {Room} room */
export function roomTitle(room) {
  if (room.kind === 'direct') return partnerOf(room)?.display_name ?? 'Direct message';
  return room.name ?? room.handle ?? 'Room';
}

/** Whether the user can moderate a room. @param {Room | null} room */
export const canModerate = (room) =>
  room?.kind !== 'direct' && (room?.membership?.role === 'owner' || room?.membership?.role === 'moderator');

/** The user's membership of the open room, or null. */
export const openMembership = () => (state.open && state.rooms.get(state.open.id)?.membership) || null;
