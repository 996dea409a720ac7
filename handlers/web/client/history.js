// The messages of a room that are at hand: one stretch of its history without a hole, which grows at either end. Messages
// are put in by their number, so nothing is there twice, in whatever order answers and events come.

import { call, get, isPassing } from './api.js';
import { changed, isMe, noteName } from './store.js';
import { soon } from './tasks.js';

/** @typedef {import('./types').Message} Message */

const PAGE = 50;
const MOST = 300; // more are dropped at the far end, and read again when they are needed
const CATCH_UP = 200; // who missed more than two such pages starts anew from the newest one

export class History {
  /** @type {Map<number, Message>} */ messages = new Map();
  /** Their numbers, in order. @type {number[]} */ ids = [];
  hasOlder = false;
  hasNewer = false;
  loaded = false;
  error = '';
  /** @type {'' | 'older' | 'newer' | 'page'} */ loading = '';
  /** Messages that others answer to, and that are not in the stretch. @type {Map<number, Message | null>} */ quoted = new Map();
  #era = 0; // goes up when the stretch is replaced: answers to what was asked before are dropped
  #late = false; // something came that the page which is being read may not have

  /** @param {number} room */
  constructor(room) {
    this.room = room;
  }

  get first() {
    return this.ids[0] ?? 0;
  }

  /** The newest message that somebody else wrote. @param {number} me */
  lastOfOthers(me) {
    for (let i = this.ids.length - 1; i >= 0; i--) if (this.messages.get(this.ids[i])?.sender.id !== me) return this.ids[i];
    return 0;
  }

  get last() {
    return this.ids[this.ids.length - 1] ?? 0;
  }

  /** The last message before the first hole. */
  get #whole() {
    let id = this.first;
    while (this.messages.has(id + 1)) id++;
    return id;
  }

  /** Shows the newest page. */
  newest() {
    return this.#replace('');
  }

  /** Shows what is around a message. @param {number} id */
  around(id) {
    return this.#replace(`&around=${id}`);
  }

  /** @param {string} query */
  async #replace(query) {
    const era = ++this.#era;
    this.loading = 'page';
    this.error = '';
    changed('timeline');
    try {
      const { data } = await call('GET', `/v1/rooms/${this.room}/messages?limit=${PAGE}${query}`);
      if (era !== this.#era) return;
      const live = query ? [] : this.ids.filter((id) => id > (data.items.at(-1)?.id ?? 0) && !this.hasNewer);
      const kept = live.map((id) => /** @type {Message} */ (this.messages.get(id)));
      this.messages = new Map();
      this.ids = [];
      this.#put([...data.items, ...kept]);
      this.hasOlder = query ? this.first > 1 : Boolean(data.next_cursor);
      this.hasNewer = false;
      this.loaded = true;
      if (query) {
        this.hasNewer = true; // until it is known better
        await this.#page('newer', era);
      }
    } finally {
      if (era === this.#era) this.#settled();
    }
  }

  /** A page has been read, or could not be. */
  #settled() {
    this.loading = '';
    changed('timeline');
    if (!this.#late) return;
    this.#late = false;
    void this.catchUp();
  }

  older() {
    return this.#more('older');
  }

  newer() {
    return this.#more('newer');
  }

  /** @param {'older' | 'newer'} side */
  async #more(side) {
    if (this.loading || !(side === 'older' ? this.hasOlder : this.hasNewer)) return;
    const era = this.#era;
    this.loading = side;
    changed('timeline');
    try {
      await this.#page(side, era);
    } finally {
      if (era === this.#era) this.#settled();
    }
  }

  /** @param {'older' | 'newer'} side @param {number} era */
  async #page(side, era) {
    const query = side === 'older' ? `before=${this.first}` : `after=${this.last || 1}`;
    const data = await get(`/v1/rooms/${this.room}/messages?limit=${PAGE}&${query}`);
    if (era !== this.#era) return;
    this.#put(data.items);
    if (side === 'older') {
      this.hasOlder = Boolean(data.next_cursor);
      if (this.ids.length > MOST) {
        this.#cut(this.ids.slice(MOST));
        this.hasNewer = true;
      }
    } else {
      this.hasNewer = Boolean(data.next_cursor);
      if (this.ids.length > MOST) {
        this.#cut(this.ids.slice(0, -MOST));
        this.hasOlder = true;
      }
    }
  }

  /** Reads what came after the last message at hand, and what is missing before it: after a break, or when events show a hole. */
  catchUp() {
    return soon(`catch up ${this.room}`, async () => {
      if (!this.loaded || this.hasNewer) {
        this.#late ||= Boolean(this.loading);
        return;
      }
      for (let pages = 0; pages < 2; pages++) {
        const era = this.#era;
        const from = this.#whole;
        const data = await get(`/v1/rooms/${this.room}/messages?limit=${CATCH_UP}${from ? `&after=${from}` : ''}`);
        if (era !== this.#era || this.hasNewer) return;
        this.#put(data.items);
        changed('timeline');
        if (!data.next_cursor) return;
        if (!from) break; // the newest ones: what is before them is not here
      }
      await this.newest();
    }, 0);
  }

  /** A new message. @param {Message} m @returns {boolean} whether it was not there before */
  add(m) {
    if (this.messages.has(m.id)) {
      this.merge(m);
      return false;
    }
    if (!this.loaded || this.hasNewer) {
      this.#late ||= Boolean(this.loading);
      return false;
    }
    if (m.id < this.first) return false;
    if (this.last && m.id > this.last + 1) void this.catchUp();
    this.#put([m]);
    if (this.ids.length > MOST * 1.5) {
      this.#cut(this.ids.slice(0, -MOST));
      this.hasOlder = true;
    }
    changed('timeline');
    return true;
  }

  /** @param {Message[]} items */
  #put(items) {
    let grown = false;
    for (const m of items) {
      grown ||= !this.messages.has(m.id);
      if (!isMe(m.sender.id)) noteName(m.sender);
      this.messages.set(m.id, newerOf(this.messages.get(m.id), m));
    }
    if (grown) this.ids = [...this.messages.keys()].sort((a, b) => a - b);
  }

  /** @param {number[]} ids */
  #cut(ids) {
    for (const id of ids) this.messages.delete(id);
    this.ids = [...this.messages.keys()].sort((a, b) => a - b);
  }

  /** Another version of a message. @param {Message} m @param {boolean} [event] from an event, which does not know whose the reactions are */
  merge(m, event = false) {
    const known = this.messages.get(m.id);
    if (known) this.messages.set(m.id, newerOf(known, event ? { ...m, reactions: known.reactions } : m));
    if (this.quoted.has(m.id)) this.quoted.set(m.id, m);
    changed('timeline');
  }

  /** @param {number} id */
  remove(id) {
    const m = this.messages.get(id);
    const grave = (/** @type {Message} */ of) => ({ ...of, text: undefined, files: [], reactions: [], deleted_at: of.deleted_at ?? new Date().toISOString() });
    if (m) this.messages.set(id, grave(m));
    const quoted = this.quoted.get(id);
    if (quoted) this.quoted.set(id, grave(quoted));
    changed('timeline');
  }

  /** @param {number} upTo */
  clear(upTo) {
    this.#cut(this.ids.filter((id) => id <= upTo));
    if (this.ids.length === 0 || !this.hasNewer) this.hasOlder = false;
    this.quoted.clear();
    changed('timeline');
  }

  /** Reads a message again, for what its event does not contain. @param {number} id */
  refresh(id) {
    if (!this.messages.has(id)) return;
    void soon(`message ${this.room} ${id}`, async () => {
      this.merge(await get(`/v1/rooms/${this.room}/messages/${id}`));
    });
  }

  /** The message that another one answers: at hand, or on its way (undefined), or gone (null). @param {number} id */
  quote(id) {
    const here = this.messages.get(id);
    if (here) return here;
    if (!this.quoted.has(id) && !this.#asked.has(id)) {
      this.#asked.add(id);
      void soon(`quote ${this.room} ${id}`, async () => {
        try {
          this.quoted.set(id, await get(`/v1/rooms/${this.room}/messages/${id}`));
        } catch (err) {
          if (isPassing(err)) throw err;
          this.quoted.set(id, null);
        }
        changed('timeline');
      }, 0);
    }
    return this.quoted.get(id);
  }

  /** @type {Set<number>} */ #asked = new Set();
}

/** Of two versions of a message the newer one: a deleted one stays deleted, an edit is not undone by an older answer.
 * @param {Message | undefined} known @param {Message} m */
function newerOf(known, m) {
  if (!known) return m;
  if (known.deleted_at && !m.deleted_at) return known;
  if ((known.edited_at ?? '') > (m.edited_at ?? '') && !m.deleted_at) return { ...known, reactions: m.reactions };
  return m;
}

/** The histories of the rooms that were open last. @type {Map<number, History>} */
const recent = new Map();
const MOST_RECENT = 12;

/** @param {number} room */
export function historyOf(room) {
  const history = recent.get(room) ?? new History(room);
  recent.delete(room);
  recent.set(room, history);
  if (recent.size > MOST_RECENT) recent.delete(/** @type {number} */ (recent.keys().next().value));
  return history;
}

/** @param {number} room */
export const knownHistory = (room) => recent.get(room);

/** After this, every room is read anew. */
export function forgetHistories() {
  recent.clear();
}
