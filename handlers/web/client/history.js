// The loaded messages of each room: the SDK keeps them, and here are the messages that are quoted, and a cache.

import { lowLevel } from '/sdk.js';
import { get, isTransient } from './api.js';
import { notify, isMe, putName } from './store.js';
import { runSoon } from './tasks.js';

/** @typedef {import('./types').Message} Message */

const MAX_MESSAGES = 300; // of a room; beyond it, those at the far end are loaded again when they are needed

/** Reads a page of messages, and what its senders are called now. @param {string} path */
async function readPage(path) {
  const page = await get(path);
  for (const { sender } of page.items) if (!isMe(sender.id)) putName(sender);
  return page;
}

export class History extends lowLevel.Messages {
  /** Why the messages could not be loaded. */ error = '';
  /** Messages that are quoted by a reply, and are not in the range. @type {Map<number, Message | null>} */ quoted =
    new Map();
  /** @type {Set<number>} */ #requestedQuotes = new Set();

  /** @param {number} room */
  constructor(room) {
    super(room, { get: readPage }, { run: runSoon }, () => notify('timeline'), MAX_MESSAGES);
    this.room = room;
  }

  /** The newest message of another user. @param {number} me */
  lastFromOthers(me) {
    return this.list.findLast((m) => m.sender.id !== me)?.id ?? 0;
  }

  loadNewest() {
    this.error = '';
    return super.loadNewest();
  }

  /** @param {number} id */
  loadAround(id) {
    this.error = '';
    return super.loadAround(id);
  }

  /** @param {Message} m @param {boolean} [isEvent] */
  merge(m, isEvent = false) {
    super.merge(m, isEvent);
    this.#setQuoted(m.id, () => m);
  }

  /** @param {number} id */
  remove(id) {
    super.remove(id);
    const deleted_at = new Date().toISOString();
    this.#setQuoted(id, (m) => ({ ...m, text: undefined, files: [], reactions: [], deleted_at }));
  }

  /** @param {number} id @param {(m: Message) => Message} change */
  #setQuoted(id, change) {
    const known = this.quoted.get(id);
    if (!known) return;
    this.quoted.set(id, change(known));
    notify('timeline');
  }

  /** @param {number} upTo */
  clear(upTo) {
    this.quoted.clear();
    super.clear(upTo);
  }

  /** Reads a message again, because its event does not contain all of the change. @param {number} id */
  refresh(id) {
    if (!this.get(id)) return;
    void runSoon(`message ${this.room} ${id}`, async () => {
      this.merge(await get(`/v1/rooms/${this.room}/messages/${id}`));
    });
  }

  /**
   * The message that another one replies to; undefined while it is loading, null if it does not exist.
   * @param {number} id
   */
  quotedMessage(id) {
    const here = this.get(id);
    if (here) return here;
    if (!this.quoted.has(id) && !this.#requestedQuotes.has(id)) {
      this.#requestedQuotes.add(id);
      void runSoon(
        `quote ${this.room} ${id}`,
        async () => {
          try {
            this.quoted.set(id, await get(`/v1/rooms/${this.room}/messages/${id}`));
          } catch (err) {
            if (isTransient(err)) throw err;
            this.quoted.set(id, null);
          }
          notify('timeline');
        },
        0,
      );
    }
    return this.quoted.get(id);
  }
}

/** The histories of the most recently opened rooms. @type {Map<number, History>} */
const cache = new Map();
const MAX_CACHED = 12;

/** @param {number} room */
export function getHistory(room) {
  const history = cache.get(room) ?? new History(room);
  cache.delete(room);
  cache.set(room, history);
  if (cache.size > MAX_CACHED) cache.delete(/** @type {number} */ (cache.keys().next().value));
  return history;
}

/** @param {number} room */
export const cachedHistory = (room) => cache.get(room);

/** Clears the cache, so that every room is loaded again. */
export function clearHistories() {
  cache.clear();
}
