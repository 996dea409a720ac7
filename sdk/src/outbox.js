// The outbox: messages that are not acknowledged yet. Each has an idempotency key, so that a retry does not store it
// twice. The messages of a room are sent one after the other, in the order in which they were written; a message that
// waits for its files does not delay the others. Each is stored under a key of its own, before it is sent, and survives
// the tab: when that is closed, another tab of the same user takes its messages over, or the next that is opened. Two
// clients that send the same message use the same idempotency key, and the server stores it once.

import { isTransient, Problem, Unreachable } from './problem.js';
import { newKey, pause, retryAfter, retryDelay } from './tools.js';
import { isPage, patient } from './storage.js';

/** @typedef {import('../sdk').Message} Message */
/** @typedef {import('./upload.js').Upload} Upload */

const KEY_LIFETIME = 23 * 60 * 60_000; // an hour less than the server keeps Idempotency-Keys

const ANSWER_TIMEOUT = 30_000; // milliseconds

/** Why a message was not sent, if neither the server nor the network is the reason. */
export class Unsent extends Error {
  name = 'Unsent';
}

class Pending {
  client_id = newKey();
  created_at = new Date().toISOString();
  /** @type {'sending' | 'failed'} */ state = 'sending';
  /** @type {Error | undefined} */ error;
  /** @type {string | undefined} */ text;
  /** @type {number | undefined} */ reply_to;
  /** @type {Message['type'] | undefined} */ type;
  /** @type {Upload[]} */ files = [];
  /** Files that were uploaded before. @type {string[]} */ file_ids = [];
  /** @type {(m: Message) => void} */ resolve = () => {};
  /** @type {(err: Error) => void} */ reject = () => {};
  /** @type {Promise<Message>} */ sent = new Promise((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  /** @param {Outbox} outbox @param {number} room_id @param {object} values */
  constructor(outbox, room_id, values) {
    this.room_id = room_id;
    Object.assign(this, values);
    this.sent.catch(() => {}); // who discards it knows
    this.retry = () => outbox.retry(this);
    this.discard = () => outbox.discard(this);
  }

  get isUploaded() {
    return this.files.every((f) => f.state === 'done');
  }

  get ids() {
    return [...this.file_ids, ...this.files.map((f) => f.info?.id ?? '')];
  }

  get body() {
    const { client_id, text, reply_to, type, files, ids } = this;
    const fileType = files.length && files.every((f) => f.info?.width) ? 'image' : 'file';
    return {
      client_id,
      ...(text && { text }),
      ...(reply_to && { reply_to }),
      ...(ids.length && { file_ids: ids }),
      type: type ?? (ids.length ? fileType : 'text'),
    };
  }

  get stored() {
    const { client_id, room_id, text, reply_to, type, created_at, state, ids, error } = this;
    return { client_id, room_id, text, reply_to, type, created_at, state, file_ids: ids, why: error?.message };
  }
}

const isText = (/** @type {unknown} */ v) => typeof v === 'string';
const optional = (/** @type {(v: unknown) => boolean} */ is) => (/** @type {unknown} */ v) => v === undefined || is(v);

/** What a stored message has. @type {Record<string, (v: any) => boolean>} */
const STORED = {
  client_id: isText,
  room_id: Number.isSafeInteger,
  text: optional(isText),
  reply_to: optional(Number.isSafeInteger),
  type: optional(isText),
  created_at: (v) => isText(v) && Date.parse(v) > 0,
  state: (v) => v === 'sending' || v === 'failed',
  file_ids: (v) => Array.isArray(v) && v.every(isText),
  why: optional(isText),
};

/**
 * Reads a stored message. Another version or another program may have written anything there.
 * @param {string} text @returns {Record<string, any> | null}
 */
function parse(text) {
  try {
    const values = JSON.parse(text);
    const isValid = Object.entries(STORED).every(([name, is]) => is(values[name]));
    return isValid ? Object.fromEntries(Object.keys(STORED).map((name) => [name, values[name]])) : null;
  } catch {
    return null;
  }
}

export class Outbox {
  /** @type {readonly Pending[]} */ all = [];
  /** The rooms whose messages are being sent. @type {Map<number, ReturnType<typeof pause>>} */ #sending = new Map();
  #over = new AbortController();
  /** @type {Set<string>} */ #owners = new Set();

  /**
   * @param {import('./http.js').Http} http @param {import('../sdk').Storage} storage
   * @param {import('./locks.js').Locks} locks
   * @param {{ key: string, tab: string, changed: (room: number) => void, stored: (m: Message) => void }} options
   */
  constructor(http, storage, locks, { key, tab, changed, stored }) {
    this.http = http;
    this.storage = patient(storage);
    this.locks = locks;
    this.prefix = `${key}.unsent.`;
    this.tab = tab;
    this.changed = changed;
    this.stored = stored;
    void this.#restore();
    if (isPage)
      addEventListener(
        'storage',
        (e) => {
          if (e.newValue && e.key?.startsWith(this.prefix)) this.#watch(e.key);
        },
        { signal: this.#over.signal },
      );
  }

  /** @param {number} room @param {object} values */
  add(room, values) {
    const entry = new Pending(this, room, values);
    this.all = [...this.all, entry];
    if (this.#over.signal.aborted) this.#rejectAll('The session has ended.');
    for (const file of entry.files) file.subscribe(() => this.changed(room));
    this.#begin(entry);
    return entry;
  }

  /** Sends a message that is new, or that has failed, when its files are uploaded. @param {Pending} entry */
  #begin(entry) {
    const send = () => this.#save(entry).then(() => this.#flush(entry.room_id));
    for (const file of entry.files) file.file.then(send, (err) => this.#fail(entry, err));
    this.changed(entry.room_id);
    void send();
  }

  /** @param {Pending} entry */
  #keyOf = (entry) => `${this.prefix}${this.tab}.${entry.client_id}`;

  /**
   * Bytes of files cannot be stored, but a message whose files are uploaded can.
   * @param {Pending} entry @returns {Promise<boolean>} whether nothing has failed
   */
  async #save(entry) {
    if (!entry.isUploaded || !this.all.includes(entry)) return true;
    const ok = await this.storage.set(this.#keyOf(entry), JSON.stringify(entry.stored));
    if (!this.all.includes(entry)) await this.storage.remove(this.#keyOf(entry)); // acknowledged meanwhile
    return ok;
  }

  /** @param {Pending} entry @param {Error} err */
  #fail(entry, err) {
    entry.state = 'failed';
    entry.error = err;
    void this.#save(entry);
    this.changed(entry.room_id);
  }

  /** @param {Pending} entry */
  retry(entry) {
    if (entry.state !== 'failed' || !this.all.includes(entry)) return;
    entry.state = 'sending';
    entry.error = undefined;
    for (const file of entry.files) file.retry();
    this.#begin(entry);
  }

  /** @param {Pending} entry */
  discard(entry) {
    for (const file of entry.files) file.stop();
    entry.reject(new Unsent('The message was discarded.'));
    this.#remove(entry);
  }

  /** Removes a message that the server has stored, as a response or an event shows. @param {Message} m */
  acknowledge(m) {
    const entry = this.all.find((e) => e.client_id === m.client_id && e.room_id === m.room_id);
    if (!entry) return;
    this.#remove(entry);
    entry.resolve(m);
  }

  /** @param {Pending} entry */
  #remove(entry) {
    this.all = this.all.filter((e) => e !== entry);
    this.changed(entry.room_id);
    void this.storage.remove(this.#keyOf(entry));
  }

  /** Sends everything now, without waiting for the next retry: the connection is back. */
  wake() {
    for (const wait of this.#sending.values()) wait.wake();
    for (const { files } of this.all) for (const file of files) file.wake();
  }

  /** @param {number} room */
  async #flush(room) {
    if (this.#sending.has(room)) return;
    this.#sending.set(room, pause(0));
    for (let tries = 0; !this.#over.signal.aborted; ) {
      const entry = this.all.find((e) => e.room_id === room && e.state === 'sending' && e.isUploaded);
      if (!entry) break;
      const err = await this.#send(entry);
      if (!err) {
        tries = 0;
        continue;
      }
      const wait = pause(retryDelay(retryAfter(err), tries++, 15_000));
      this.#sending.set(room, wait);
      await wait.over;
    }
    this.#sending.delete(room);
  }

  /** @param {Pending} entry @returns the error after which it is to be sent again, if any */
  async #send(entry) {
    const { signal } = this.#over;
    // Without an answer, the messages after this one would wait for ever. With its key, it may be sent again.
    // AbortSignal.any would do, but what it returns may be collected as garbage in Node.js.
    const request = new AbortController();
    const stop = () => request.abort(new Unreachable());
    const timer = setTimeout(stop, ANSWER_TIMEOUT);
    signal.addEventListener('abort', stop);
    try {
      const { data } = await this.http.call('POST', `/v1/rooms/${entry.room_id}/messages`, {
        key: entry.client_id,
        body: entry.body,
        signal: request.signal,
      });
      this.stored(data);
      this.acknowledge(data);
      this.#remove(entry); // of an older server, whose response has no client_id
      entry.resolve(data);
      return undefined;
    } catch (err) {
      if (signal.aborted) return undefined;
      if (isTransient(err) || (err instanceof Problem && err.status === 401)) return err;
      this.#fail(entry, /** @type {Error} */ (err));
      return undefined;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Takes over the messages that were written before, now or when their tab is closed. */
  async #restore() {
    for (const key of await this.storage.keys()) if (key.startsWith(this.prefix)) this.#watch(key);
  }

  /** @param {string} key */
  #watch(key) {
    const owner = key.slice(this.prefix.length).split('.')[0];
    if (this.#owners.has(owner)) return;
    this.#owners.add(owner);
    // What this tab has stored itself is of an earlier session of the user.
    if (owner === this.tab) void this.#takeOver(owner);
    else this.locks.whenGone(owner, () => this.#takeOver(owner), this.#over.signal);
  }

  /** @param {string} owner */
  async #takeOver(owner) {
    const keys = (await this.storage.keys()).filter((key) => key.startsWith(`${this.prefix}${owner}.`));
    for (const key of keys) {
      const text = await this.storage.get(key);
      if (!text || this.#over.signal.aborted) continue;
      const stored = parse(text);
      if (!stored) {
        await this.storage.remove(key);
        continue;
      }
      const { why, ...values } = stored;
      if (this.all.some((e) => e.client_id === values.client_id)) continue;
      const entry = new Pending(this, values.room_id, values);
      if (why) entry.error = new Unsent(why);
      // The server may have forgotten the key, so that sending it could store it twice: the user decides.
      if (Date.now() - Date.parse(entry.created_at) > KEY_LIFETIME) {
        entry.state = 'failed';
        entry.error = new Unsent('It is more than a day old.');
      }
      this.all = [...this.all, entry].sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
      this.changed(entry.room_id);
      if ((await this.#save(entry)) && owner !== this.tab) await this.storage.remove(key);
    }
    for (const room of new Set(this.all.map((e) => e.room_id))) void this.#flush(room);
  }

  /** Deletes what is stored, at log-out. */
  async clear() {
    this.#rejectAll('You have logged out.');
    this.all = [];
    for (const key of await this.storage.keys()) if (key.startsWith(this.prefix)) await this.storage.remove(key);
  }

  /** Nobody waits for what this outbox does not send any more. @param {string} why */
  #rejectAll(why) {
    for (const entry of this.all) entry.reject(new Unsent(why));
  }

  close() {
    this.#over.abort();
    this.#rejectAll('The session has ended.');
    for (const wait of this.#sending.values()) wait.wake();
  }
}
