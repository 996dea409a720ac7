// The loaded messages of a room: one range of its history without gaps, which grows at both ends. Messages are stored
// by id, so no message is there twice, in whatever order responses and events arrive.

import { call, get, isTransient } from './api.js';
import { notify, isMe, putName } from './store.js';
import { runSoon } from './tasks.js';

/** @typedef {import('./types').Message} Message */

const PAGE_SIZE = 50;
const MAX_MESSAGES = 300; // beyond it, messages at the far end are dropped, and loaded again when they are needed
const CATCH_UP_SIZE = 200; // after two such pages, catching up starts again from the newest page

export class History {
  /** @type {Map<number, Message>} */ messages = new Map();
  /** The ids of the messages, in order. @type {number[]} */ ids = [];
  hasOlder = false;
  hasNewer = false;
  loaded = false;
  error = '';
  /** @type {'' | 'older' | 'newer' | 'page'} */ loading = '';
  /** Messages that are quoted by a reply, and are not in the range. @type {Map<number, Message | null>} */ quoted =
    new Map();
  #generation = 0; // incremented when the range is replaced: responses to older requests are dropped
  #cleared = 0; // there are no messages up to this number
  #missedWhileLoading = false; // an event arrived that the page being loaded may not contain

  /** @param {number} room */
  constructor(room) {
    this.room = room;
  }

  get first() {
    return this.ids[0] ?? 0;
  }

  /** The newest message of another user. @param {number} me */
  lastFromOthers(me) {
    for (let i = this.ids.length - 1; i >= 0; i--)
      if (this.messages.get(this.ids[i])?.sender.id !== me) return this.ids[i];
    return 0;
  }

  get last() {
    return this.ids[this.ids.length - 1] ?? 0;
  }

  /** The last message before the first gap. */
  get #lastBeforeGap() {
    let id = this.first;
    while (this.messages.has(id + 1)) id++;
    return id;
  }

  /** Replaces the range by the newest page. */
  loadNewest() {
    return this.#replace('');
  }

  /** Replaces the range by the messages around one. @param {number} id */
  loadAround(id) {
    return this.#replace(`&around=${id}`);
  }

  /** @param {string} query */
  async #replace(query) {
    const era = ++this.#generation;
    this.loading = 'page';
    this.error = '';
    notify('timeline');
    try {
      const { data } = await call('GET', `/v1/rooms/${this.room}/messages?limit=${PAGE_SIZE}${query}`);
      if (era !== this.#generation) return;
      const later = query ? [] : this.ids.filter((id) => id > (data.items.at(-1)?.id ?? 0) && !this.hasNewer);
      const kept = later.map((id) => /** @type {Message} */ (this.messages.get(id)));
      this.messages = new Map();
      this.ids = [];
      this.#put([...data.items, ...kept]);
      this.hasOlder = query ? this.first > 1 : Boolean(data.next_cursor);
      this.hasNewer = false;
      this.loaded = true;
      if (query) {
        this.hasNewer = true; // until the next page says otherwise
        await this.#loadPage('newer', era);
      }
    } finally {
      if (era === this.#generation) this.#finishLoading();
    }
  }

  /** Called after a page was loaded, or failed to load. */
  #finishLoading() {
    this.loading = '';
    notify('timeline');
    if (!this.#missedWhileLoading) return;
    this.#missedWhileLoading = false;
    void this.catchUp();
  }

  loadOlder() {
    return this.#loadMore('older');
  }

  loadNewer() {
    return this.#loadMore('newer');
  }

  /** @param {'older' | 'newer'} side */
  async #loadMore(side) {
    if (this.loading || !(side === 'older' ? this.hasOlder : this.hasNewer)) return;
    const era = this.#generation;
    this.loading = side;
    notify('timeline');
    try {
      await this.#loadPage(side, era);
    } finally {
      if (era === this.#generation) this.#finishLoading();
    }
  }

  /** @param {'older' | 'newer'} side @param {number} era */
  async #loadPage(side, era) {
    const query = side === 'older' ? `before=${this.first}` : `after=${this.last || 1}`;
    const data = await get(`/v1/rooms/${this.room}/messages?limit=${PAGE_SIZE}&${query}`);
    if (era !== this.#generation) return;
    this.#put(data.items);
    if (side === 'older') {
      this.hasOlder = Boolean(data.next_cursor);
      if (this.ids.length > MAX_MESSAGES) {
        this.#removeMessages(this.ids.slice(MAX_MESSAGES));
        this.hasNewer = true;
      }
    } else {
      this.hasNewer = Boolean(data.next_cursor);
      if (this.ids.length > MAX_MESSAGES) {
        this.#removeMessages(this.ids.slice(0, -MAX_MESSAGES));
        this.hasOlder = true;
      }
    }
  }

  /** Loads the messages after the first gap: after the connection was lost, or when an event shows a gap. */
  catchUp() {
    return runSoon(
      `catch up ${this.room}`,
      async () => {
        if (!this.loaded || this.hasNewer) {
          this.#missedWhileLoading ||= Boolean(this.loading);
          return;
        }
        for (let pages = 0; pages < 2; pages++) {
          const era = this.#generation;
          const from = this.#lastBeforeGap;
          const data = await get(
            `/v1/rooms/${this.room}/messages?limit=${CATCH_UP_SIZE}${from ? `&after=${from}` : ''}`,
          );
          if (era !== this.#generation || this.hasNewer) return;
          this.#put(data.items);
          notify('timeline');
          if (!data.next_cursor) return;
          if (!from) break; // the response has the newest messages, and may leave a gap before them
        }
        await this.loadNewest();
      },
      0,
    );
  }

  /** Adds a new message. @param {Message} m @returns {boolean} whether it was added */
  add(m) {
    if (this.messages.has(m.id)) {
      this.merge(m);
      return false;
    }
    if (!this.loaded || this.hasNewer) {
      this.#missedWhileLoading ||= Boolean(this.loading);
      return false;
    }
    if (m.id < this.first) return false;
    if (m.id > (this.last || this.#cleared) + 1) {
      void this.catchUp();
      if (!this.last) return false; // what is missing comes before it
    }
    this.#put([m]);
    if (this.ids.length > MAX_MESSAGES * 1.5) {
      this.#removeMessages(this.ids.slice(0, -MAX_MESSAGES));
      this.hasOlder = true;
    }
    notify('timeline');
    return true;
  }

  /** @param {Message[]} items */
  #put(items) {
    let hasNew = false;
    for (const m of items) {
      hasNew ||= !this.messages.has(m.id);
      if (!isMe(m.sender.id)) putName(m.sender);
      this.messages.set(m.id, newerVersion(this.messages.get(m.id), m));
    }
    if (hasNew) this.ids = [...this.messages.keys()].sort((a, b) => a - b);
  }

  /** @param {number[]} ids */
  #removeMessages(ids) {
    for (const id of ids) this.messages.delete(id);
    this.ids = [...this.messages.keys()].sort((a, b) => a - b);
  }

  /**
   * Merges another version of a message.
   * @param {Message} m
   * @param {boolean} [event] whether it is from an event, which does not say whether a reaction is the user's own
   */
  merge(m, event = false) {
    const known = this.messages.get(m.id);
    if (known) this.messages.set(m.id, newerVersion(known, event ? { ...m, reactions: known.reactions } : m));
    if (this.quoted.has(m.id)) this.quoted.set(m.id, m);
    notify('timeline');
  }

  /** @param {number} id */
  remove(id) {
    const m = this.messages.get(id);
    const toTombstone = (/** @type {Message} */ of) => ({
      ...of,
      text: undefined,
      files: [],
      reactions: [],
      deleted_at: of.deleted_at ?? new Date().toISOString(),
    });
    if (m) this.messages.set(id, toTombstone(m));
    const quoted = this.quoted.get(id);
    if (quoted) this.quoted.set(id, toTombstone(quoted));
    notify('timeline');
  }

  /** @param {number} upTo */
  clear(upTo) {
    this.#cleared = Math.max(upTo, this.#cleared);
    this.#removeMessages(this.ids.filter((id) => id <= upTo));
    if (this.ids.length === 0 || !this.hasNewer) this.hasOlder = false;
    this.quoted.clear();
    notify('timeline');
  }

  /** Reads a message again, because its event does not contain all of the change. @param {number} id */
  refresh(id) {
    if (!this.messages.has(id)) return;
    void runSoon(`message ${this.room} ${id}`, async () => {
      this.merge(await get(`/v1/rooms/${this.room}/messages/${id}`));
    });
  }

  /**
   * The message that another one replies to; undefined while it is loading, null if it does not exist.
   * @param {number} id
   */
  quotedMessage(id) {
    const here = this.messages.get(id);
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

  /** @type {Set<number>} */ #requestedQuotes = new Set();
}

/**
 * Returns the newer of two versions: a deleted message stays deleted, and an older response does not undo an edit.
 * @param {Message | undefined} known @param {Message} m
 */
function newerVersion(known, m) {
  if (!known) return m;
  if (known.deleted_at && !m.deleted_at) return known;
  if ((known.edited_at ?? '') > (m.edited_at ?? '') && !m.deleted_at) return { ...known, reactions: m.reactions };
  return m;
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
