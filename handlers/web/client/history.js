// The messages of a room that are at hand: one stretch of its history without a hole, which grows at either end. Messages
// are put in by their number, so nothing is there twice, in whatever order answers and events come.

import { call, get, isTransient } from './api.js';
import { notify, isMe, putName } from './store.js';
import { runSoon } from './tasks.js';

/** @typedef {import('./types').Message} Message */

const PAGE_SIZE = 50;
const MAX_MESSAGES = 300; // more are dropped at the far end, and read again when they are needed
const CATCH_UP_SIZE = 200; // who missed more than two such pages starts anew from the newest one

export class History {
  /** @type {Map<number, Message>} */ messages = new Map();
  /** Their numbers, in order. @type {number[]} */ ids = [];
  hasOlder = false;
  hasNewer = false;
  loaded = false;
  error = '';
  /** @type {'' | 'older' | 'newer' | 'page'} */ loading = '';
  /** Messages that others answer to, and that are not in the stretch. @type {Map<number, Message | null>} */ quoted =
    new Map();
  #generation = 0; // goes up when the stretch is replaced: answers to what was asked before are dropped
  #missedWhileLoading = false; // something came that the page which is being read may not have

  /** @param {number} room */
  constructor(room) {
    this.room = room;
  }

  get first() {
    return this.ids[0] ?? 0;
  }

  /** The newest message that somebody else wrote. @param {number} me */
  lastFromOthers(me) {
    for (let i = this.ids.length - 1; i >= 0; i--)
      if (this.messages.get(this.ids[i])?.sender.id !== me) return this.ids[i];
    return 0;
  }

  get last() {
    return this.ids[this.ids.length - 1] ?? 0;
  }

  /** The last message before the first hole. */
  get #lastBeforeGap() {
    let id = this.first;
    while (this.messages.has(id + 1)) id++;
    return id;
  }

  /** Shows the newest page. */
  loadNewest() {
    return this.#replace('');
  }

  /** Shows what is around a message. @param {number} id */
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
        this.hasNewer = true; // until it is known better
        await this.#loadPage('newer', era);
      }
    } finally {
      if (era === this.#generation) this.#finishLoading();
    }
  }

  /** A page has been read, or could not be. */
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

  /** Reads what came after the last message at hand, and what is missing before it: after a break, or when events show a hole. */
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
          if (!from) break; // the newest ones: what is before them is not here
        }
        await this.loadNewest();
      },
      0,
    );
  }

  /** A new message. @param {Message} m @returns {boolean} whether it was not there before */
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
    if (this.last && m.id > this.last + 1) void this.catchUp();
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

  /** Another version of a message. @param {Message} m @param {boolean} [event] from an event, which does not know whose the reactions are */
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
    this.#removeMessages(this.ids.filter((id) => id <= upTo));
    if (this.ids.length === 0 || !this.hasNewer) this.hasOlder = false;
    this.quoted.clear();
    notify('timeline');
  }

  /** Reads a message again, for what its event does not tell. @param {number} id */
  refresh(id) {
    if (!this.messages.has(id)) return;
    void runSoon(`message ${this.room} ${id}`, async () => {
      this.merge(await get(`/v1/rooms/${this.room}/messages/${id}`));
    });
  }

  /** The message that another one answers: at hand, or on its way (undefined), or gone (null). @param {number} id */
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

/** Of two versions of a message the newer one: a deleted one stays deleted, an edit is not undone by an older answer.
 * @param {Message | undefined} known @param {Message} m */
function newerVersion(known, m) {
  if (!known) return m;
  if (known.deleted_at && !m.deleted_at) return known;
  if ((known.edited_at ?? '') > (m.edited_at ?? '') && !m.deleted_at) return { ...known, reactions: m.reactions };
  return m;
}

/** The histories of the rooms that were open last. @type {Map<number, History>} */
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

/** After this, every room is read anew. */
export function clearHistories() {
  cache.clear();
}
