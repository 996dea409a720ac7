// The loaded messages of a room: one range of its history without gaps, which grows at both ends. Messages are stored
// by id, so no message is there twice, in whatever order responses and events arrive.

/** @typedef {import('../sdk').Message} Message */

const PAGE_SIZE = 50;
const MAX_MESSAGES = 500;
const CATCH_UP_SIZE = 200; // after two such pages, catching up starts again from the newest page

export class Messages {
  /** @type {Map<number, Message>} */ #all = new Map();
  /** @type {readonly Message[] | null} */ #list = null;
  hasOlder = false;
  hasNewer = false;
  loaded = false;
  /** @type {'' | 'older' | 'newer' | 'page'} */ loading = '';
  #generation = 0; // incremented when the range is replaced: responses to older requests are dropped
  #cleared = 0; // there are no messages up to this number
  #missed = false; // an event arrived that the page being loaded may not contain

  /**
   * @param {number} room @param {Pick<import('./http.js').Http, 'get'>} http
   * @param {Pick<import('./tools.js').Tasks, 'run'>} tasks @param {() => void} changed
   * @param {number} [max] beyond it, messages at the far end are dropped, and loaded again when they are needed
   */
  constructor(room, http, tasks, changed, max = MAX_MESSAGES) {
    this.path = `/v1/rooms/${room}/messages`;
    this.http = http;
    this.tasks = tasks;
    this.changed = changed;
    this.max = max;
  }

  get list() {
    return (this.#list ??= [...this.#all.values()].sort((a, b) => a.id - b.id));
  }

  /** @param {number} id */
  get(id) {
    return this.#all.get(id);
  }

  get first() {
    return this.list[0]?.id ?? 0;
  }

  get last() {
    return this.list.at(-1)?.id ?? 0;
  }

  /** The last message before the first gap. */
  get #lastBeforeGap() {
    let id = this.first;
    while (this.#all.has(id + 1)) id++;
    return id;
  }

  #notify() {
    this.#list = null;
    this.changed();
  }

  /** Forgets everything: after a resync, the numbers may belong to other messages. */
  reset() {
    this.#generation++;
    this.#all.clear();
    this.#cleared = 0;
    this.loaded = this.hasOlder = this.hasNewer = false;
    this.loading = '';
    this.#notify();
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
    const generation = ++this.#generation;
    this.loading = 'page';
    this.changed();
    try {
      const data = await this.http.get(`${this.path}?limit=${PAGE_SIZE}${query}`);
      if (generation !== this.#generation) return;
      const newest = data.items.at(-1)?.id ?? 0;
      const later = query || this.hasNewer ? [] : this.list.filter((m) => m.id > newest);
      this.#all.clear();
      this.#put([...data.items, ...later]);
      this.hasOlder = query ? this.first > 1 : Boolean(data.next_cursor);
      this.hasNewer = false;
      this.loaded = true;
      if (query) {
        this.hasNewer = true; // until the next page says otherwise
        await this.#loadPage('newer', generation);
      }
    } finally {
      if (generation === this.#generation) this.#finishLoading();
    }
  }

  /** Called after a page was loaded, or failed to load. */
  #finishLoading() {
    this.loading = '';
    this.#notify();
    if (!this.#missed) return;
    this.#missed = false;
    void this.catchUp();
  }

  /** @param {'older' | 'newer'} side */
  async loadMore(side) {
    if (this.loading || !(side === 'older' ? this.hasOlder : this.hasNewer)) return;
    const generation = this.#generation;
    this.loading = side;
    this.changed();
    try {
      await this.#loadPage(side, generation);
    } finally {
      if (generation === this.#generation) this.#finishLoading();
    }
  }

  /** @param {'older' | 'newer'} side @param {number} generation */
  async #loadPage(side, generation) {
    const isOlder = side === 'older';
    const query = isOlder ? `before=${this.first}` : `after=${this.last || 1}`;
    const data = await this.http.get(`${this.path}?limit=${PAGE_SIZE}&${query}`);
    if (generation !== this.#generation) return;
    this.#put(data.items);
    const more = Boolean(data.next_cursor);
    const tooMany = this.#all.size > this.max;
    if (tooMany) this.#remove(isOlder ? this.list.slice(this.max) : this.list.slice(0, -this.max));
    if (isOlder) {
      this.hasOlder = more;
      this.hasNewer ||= tooMany;
    } else {
      this.hasNewer = more;
      this.hasOlder ||= tooMany;
    }
  }

  /** Loads the messages after the first gap: after events may have been missed, or when one shows a gap. */
  catchUp() {
    return this.tasks.run(
      `catch up ${this.path}`,
      async () => {
        if (!this.loaded || this.hasNewer) {
          this.#missed ||= Boolean(this.loading);
          return;
        }
        for (let pages = 0; pages < 2; pages++) {
          const generation = this.#generation;
          const from = this.#lastBeforeGap;
          const data = await this.http.get(`${this.path}?limit=${CATCH_UP_SIZE}${from ? `&after=${from}` : ''}`);
          if (generation !== this.#generation || this.hasNewer) return;
          this.#put(data.items);
          this.#notify();
          if (!data.next_cursor) return;
          if (!from) break; // the response has the newest messages, and may leave a gap before them
        }
        await this.loadNewest();
      },
      0,
    );
  }

  /**
   * Adds a new message, from its event or from the response to its send, which may come after events of its reactions.
   * @param {Message} m @returns {boolean} whether it was added
   */
  add(m) {
    if (this.#all.has(m.id)) {
      this.merge(m, true);
      return false;
    }
    if (!this.loaded || this.hasNewer) {
      this.#missed ||= Boolean(this.loading);
      return false;
    }
    if (m.id < this.first || m.id <= this.#cleared) return false;
    if (m.id > (this.last || this.#cleared) + 1) {
      void this.catchUp();
      if (!this.last) return false; // what is missing comes before it
    }
    this.#put([m]);
    if (this.#all.size > this.max * 1.5) {
      this.#remove(this.list.slice(0, -this.max));
      this.hasOlder = true;
    }
    this.#notify();
    return true;
  }

  /** A response may be older than the event that cleared its messages. @param {Message[]} items */
  #put(items) {
    for (const m of items) if (m.id > this.#cleared) this.#all.set(m.id, newerVersion(this.#all.get(m.id), m));
    this.#list = null;
  }

  /** @param {readonly Message[]} messages */
  #remove(messages) {
    for (const { id } of messages) this.#all.delete(id);
    this.#list = null;
  }

  /**
   * Merges another version of a message. An event does not say whether a reaction is the user's own.
   * @param {Message} m @param {boolean} isEvent
   */
  merge(m, isEvent) {
    const known = this.#all.get(m.id);
    if (!known) return;
    this.#all.set(m.id, newerVersion(known, isEvent ? { ...m, reactions: known.reactions } : m));
    this.#notify();
  }

  /** @param {number} id */
  remove(id) {
    const m = this.#all.get(id);
    if (!m || m.deleted_at) return;
    const { text: _, ...rest } = m;
    this.#all.set(id, { ...rest, files: [], reactions: [], deleted_at: new Date().toISOString() });
    this.#notify();
  }

  /** @param {number} upTo */
  clear(upTo) {
    this.#cleared = Math.max(upTo, this.#cleared);
    this.#remove(this.list.filter((m) => m.id <= upTo));
    if (this.#all.size === 0 || !this.hasNewer) this.hasOlder = false;
    this.#notify();
  }

  /** Sets the count of a reaction. @param {import('../sdk').Events['reaction.added']} e @param {boolean | undefined} me */
  react({ message_id, emoji, count }, me) {
    const m = this.#all.get(message_id);
    if (!m || m.deleted_at) return;
    const known = m.reactions.find((r) => r.emoji === emoji);
    const reaction = { emoji, count, me: me ?? known?.me ?? false };
    const reactions = known ? m.reactions.map((r) => (r === known ? reaction : r)) : [...m.reactions, reaction];
    this.#all.set(message_id, { ...m, reactions: reactions.filter((r) => r.count > 0) });
    this.#notify();
  }
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
