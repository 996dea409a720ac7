// A room: its counts, its loaded messages, and what the user does there.

import { Messages } from './messages.js';
import { isTransient } from './problem.js';
import { Watched } from './tools.js';
import { Upload } from './upload.js';

/** @typedef {import('../sdk').Message} Message */

const TYPING_LIFETIME = 5000; // milliseconds
const TYPING_INTERVAL = 3000;

export class Room extends Watched {
  isOpen = false;
  seen = 0;
  /** @type {Map<number, { user: import('../sdk').UserRef, timer: ReturnType<typeof setTimeout> }>} */ #typing =
    new Map();
  /** @type {readonly import('../sdk').UserRef[]} */ typing = [];
  #typedAt = 0;
  /** @type {readonly any[]} */ pending = [];

  /** @param {import('./rooms.js').Account} account @param {import('../sdk').RoomData} data */
  constructor(account, data) {
    super();
    this.account = account;
    this.data = data;
    this.id = data.id;
    this.path = `/v1/rooms/${data.id}`;
    this.history = new Messages(data.id, account.http, account.tasks, () => this.changed());
  }

  get membership() {
    return this.data.membership;
  }

  get unread() {
    return this.membership?.unread_count ?? 0;
  }

  get name() {
    const { data } = this;
    if (data.kind !== 'direct') return data.name ?? data.handle ?? '';
    return data.users?.find((u) => u.id !== this.account.user.id)?.display_name ?? '';
  }

  get messages() {
    return this.history.list;
  }

  get hasOlder() {
    return this.history.hasOlder;
  }

  get hasNewer() {
    return this.history.hasNewer;
  }

  async open() {
    this.isOpen = true;
    this.account.showRooms();
    if (this.history.loaded) await this.history.catchUp();
    else await this.history.loadNewest();
  }

  /** Reads what may have been missed. */
  sync() {
    const { history } = this;
    return history.loaded
      ? history.catchUp()
      : this.account.tasks.run(`messages ${this.id}`, () => history.loadNewest(), 0);
  }

  close() {
    this.isOpen = false;
    this.account.showRooms();
  }

  loadOlder() {
    return this.history.loadMore('older');
  }

  loadNewer() {
    return this.history.loadMore('newer');
  }

  loadNewest() {
    return this.history.loadNewest();
  }

  /** @param {number} message */
  loadAround(message) {
    return this.history.loadAround(message);
  }

  /** @param {string | import('../sdk').NewMessage} message */
  send(message) {
    const { files = [], ...values } = typeof message === 'string' ? { text: message } : message;
    /** @type {Upload[]} */ const uploads = [];
    /** @type {string[]} */ const file_ids = [];
    for (const file of files) {
      if (typeof file === 'string') file_ids.push(file);
      else uploads.push(file instanceof Upload ? file : this.account.upload(this.id, /** @type {Blob} */ (file)));
    }
    return this.account.outbox.add(this.id, { ...values, files: uploads, file_ids });
  }

  /** @param {number} message @param {string} text */
  async edit(message, text) {
    const { data } = await this.account.http.call('PATCH', `${this.path}/messages/${message}`, { body: { text } });
    this.history.merge(data, false);
    return data;
  }

  /** @param {number} message */
  async delete(message) {
    await this.account.http.call('DELETE', `${this.path}/messages/${message}`);
    this.history.remove(message);
    void this.refresh();
  }

  /** @param {number} message @param {string} emoji */
  async react(message, emoji) {
    await this.account.http.call('PUT', `${this.path}/messages/${message}/reactions/${encodeURIComponent(emoji)}`);
  }

  /** @param {number} message @param {string} emoji */
  async unreact(message, emoji) {
    await this.account.http.call('DELETE', `${this.path}/messages/${message}/reactions/${encodeURIComponent(emoji)}`);
  }

  /** @param {number} [message] */
  async markRead(message = Math.max(this.data.last_message_id, this.history.last)) {
    if (!this.membership || message <= this.membership.last_read_id) return;
    this.account.applyRead(this.id, message);
    await this.account.tasks.run(
      `read ${this.id}`,
      async () => {
        const mark = this.membership?.last_read_id;
        if (!mark) return;
        try {
          await this.account.http.call('PUT', `${this.path}/read`, { body: { message_id: mark } });
          this.account.tasks.repeat(`room ${this.id}`);
        } catch (err) {
          if (isTransient(err)) throw err;
          void this.refresh(); // it was refused: the count is shown again
        }
      },
      0,
    );
  }

  type() {
    if (Date.now() - this.#typedAt < TYPING_INTERVAL) return;
    this.#typedAt = Date.now();
    this.account.http.call('POST', `${this.path}/typing`).catch(() => {});
  }

  /** @param {import('../sdk').UserRef} user @param {boolean} is */
  setTyping(user, is) {
    clearTimeout(this.#typing.get(user.id)?.timer);
    this.#typing.delete(user.id);
    if (is) this.#typing.set(user.id, { user, timer: setTimeout(() => this.setTyping(user, false), TYPING_LIFETIME) });
    else if (!this.typing.some((u) => u.id === user.id)) return;
    this.typing = [...this.#typing.values()].map((t) => t.user);
    this.changed();
  }

  /** @param {boolean} muted */
  async mute(muted) {
    await this.account.http.call('PATCH', `${this.path}/members/me`, { body: { muted } });
    await this.refresh();
  }

  async leave() {
    await this.account.http.call('DELETE', `${this.path}/members/me`);
    await this.refresh();
  }

  refresh() {
    return this.account.refresh(this.id, 0);
  }
}
