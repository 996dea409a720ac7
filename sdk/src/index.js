// The client of Parley: log-in, one stream, rooms with their messages and counts, an outbox, and uploads.

import { Http, mapNetworkError } from './http.js';
import { ownLocks, sharedLocks } from './locks.js';
import { Messages } from './messages.js';
import { Outbox, Unsent } from './outbox.js';
import { Account } from './rooms.js';
import { Session } from './session.js';
import { SharedStream } from './share.js';
import { defaultStorage, isPage, memoryStorage } from './storage.js';
import { address, Listeners, newKey, pause, retryDelay, Watched } from './tools.js';
import { Upload } from './upload.js';
import { isTransient, Problem, Unreachable } from './problem.js';

export { isTransient, memoryStorage, Problem, Unreachable, Unsent };

/** The parts that the web client of the same server is made of too. Not for others: they change without notice. */
export const lowLevel = {
  defaultStorage,
  Http,
  isTransient,
  mapNetworkError,
  Messages,
  newKey,
  Outbox,
  Session,
  sharedLocks,
  SharedStream,
  Unsent,
  Upload,
};

/** @typedef {import('../sdk').Parley} Contract */

/** The rooms of the user, whoever that is. */
class Rooms extends Watched {
  /** @type {Account | null} */ account = null;
  /** @type {readonly []} */ #none = [];

  get list() {
    return this.account?.list ?? this.#none;
  }

  get unread() {
    return this.account?.unread ?? 0;
  }

  /** @param {number} id */
  get(id) {
    return this.account?.all.get(id);
  }
}

/** @param {number | string} room an id or a handle, with its # or without */
const roomPath = (room) => `/v1/rooms/${address('#', room)}`;

/** @param {number | string} user an id or a username, with its @ or without */
const userPath = (user) => `/v1/users/${address('@', user)}`;

class Parley {
  rooms = new Rooms();
  /** @type {Contract['connection']} */ connection = 'closed';
  /** @type {Map<string, Listeners<[any]>>} */ #listeners = new Map();
  #tab = newKey();
  #over = new AbortController();
  #wait = pause(0);
  #releaseTab;

  /** @param {import('../sdk').Options} options */
  constructor({ server, token, storage = defaultStorage(), session, share = isPage }) {
    const base = (server ?? location.origin).replace(/\/+$/, '');
    this.key = `parley.${base}`;
    this.share = share;
    this.storage = storage;
    this.locks = share ? sharedLocks() : ownLocks;
    this.#releaseTab = this.locks.keep(this.#tab);
    const supply = token && (async (/** @type {boolean} */ fresh) => token(fresh));
    this.http = new Http(
      base,
      (fresh, id) => this.session.token(fresh, id),
      (reason, id) => void this.session.end(reason, id),
      () => this.session.id,
    );
    /** @type {Session} */
    this.session = new Session(this.http, storage, this.locks, {
      key: this.key,
      cookie: (session ?? (isPage ? 'cookie' : 'storage')) === 'cookie' && !supply,
      share,
      supply,
    });
    this.session.changed.add((now, reason) => this.#onSession(now, reason));
    if (isPage) this.#watchPage();
    this.ready = this.#resume();
    this.ready.catch(() => {}); // who waits for it is told
  }

  /** Whether there is a session, is known only when the server and the product respond: until then, it is tried again. */
  async #resume() {
    try {
      for (let tries = 0; !(await this.#tryResume(tries)); tries++);
    } finally {
      if (!this.rooms.account) this.#setConnection('closed');
    }
    await this.rooms.account?.loaded;
  }

  /** @param {number} tries @returns {Promise<boolean>} false means try again */
  async #tryResume(tries) {
    const { signal } = this.#over;
    try {
      await this.session.resume();
      return true;
    } catch (err) {
      if (!isTransient(err) || signal.aborted) throw err;
      if (!this.rooms.account) this.#setConnection('connecting');
      this.#emit('error', err);
      this.#wait = pause(retryDelay(/** @type {Problem} */ (err).retryAfter * 1000, tries));
      await this.#wait.over;
      if (signal.aborted) throw err;
      return false;
    }
  }

  /** @param {boolean} [isOnline] the network was away */
  #wake(isOnline) {
    this.#wait.wake();
    this.rooms.account?.wake(isOnline);
  }

  #watchPage() {
    const { signal } = this.#over;
    addEventListener('online', () => this.#wake(true), { signal });
    document.addEventListener('visibilitychange', () => document.hidden || this.#wake(), { signal });
  }

  /** @param {import('../sdk').Session | null} session @param {string} reason */
  #onSession(session, reason) {
    const before = this.rooms.account;
    before?.close();
    if (reason === 'log_out' || reason === 'account_deleted') void before?.outbox.clear();
    this.rooms.account = session && this.#openAccount(session.user);
    this.#wait.wake(); // after a log-in, it is known who the user is
    this.rooms.changed();
    this.#setConnection(session ? 'connecting' : 'closed');
    this.#emit('session', { user: this.user, reason });
  }

  /** @param {import('../sdk').User} user */
  #openAccount(user) {
    const { key, share } = this;
    const account = new Account(user, this.http, this.storage, this.locks, {
      key,
      tab: this.#tab,
      share,
      changed: () => this.rooms.changed(),
    });
    account.stream.state.add((isOpen) => this.#setConnection(isOpen ? 'open' : 'connecting'));
    account.stream.event.add((name, data) => {
      this.#emit(name, data);
      this.#emit('*', { name, data });
      if (name === 'session.revoked') void this.session.end(data.reason);
    });
    return account;
  }

  /** @param {Contract['connection']} state */
  #setConnection(state) {
    if (this.connection === state) return;
    this.connection = state;
    this.#emit('connection', state);
  }

  /** @param {string} name @param {any} data */
  #emit(name, data) {
    this.#listeners.get(name)?.call(data);
  }

  /** @param {string} name @param {(data: any) => void} f */
  on(name, f) {
    let listeners = this.#listeners.get(name);
    if (!listeners) this.#listeners.set(name, (listeners = new Listeners()));
    return listeners.add(f);
  }

  get user() {
    return this.rooms.account?.user ?? null;
  }

  get #account() {
    const { account } = this.rooms;
    if (!account) throw new Problem(401, { code: 'unauthenticated', detail: 'You are not logged in.' });
    return account;
  }

  /** The user with the rooms that are read after the log-in: a room that is put there before would be dropped then. */
  async #loaded() {
    const account = this.#account;
    await account.loaded;
    return account;
  }

  /** @param {string} path @param {object} body @param {boolean} [asGuest] */
  async #begin(path, body, asGuest) {
    const { user } = await this.session.begin(path, body, asGuest);
    await this.rooms.account?.loaded;
    return user;
  }

  /** @param {import('../sdk').Credentials} credentials */
  logIn(credentials) {
    return this.#begin('/v1/sessions', credentials);
  }

  /** @param {any} account */
  signUp(account) {
    return this.#begin('/v1/users', account, this.user?.guest);
  }

  logOut() {
    return this.session.logOut();
  }

  /** @param {number | string} room */
  async open(room) {
    const account = await this.#loaded();
    const found = account.all.get(Number(room)) ?? account.put(await this.http.get(roomPath(room)));
    await found.open();
    return found;
  }

  /** @param {string} method @param {string} path @param {any} [options] */
  async #put(method, path, options) {
    const account = await this.#loaded();
    return account.put((await this.http.call(method, path, options)).data);
  }

  /** @param {number | string} room */
  join(room) {
    return this.#put('PUT', `${roomPath(room)}/members/me`);
  }

  /** @param {any} room */
  createRoom(room) {
    return this.#put('POST', '/v1/rooms', { body: room, key: newKey() });
  }

  /** @param {number | string} user */
  direct(user) {
    return this.#put('PUT', `${userPath(user)}/direct`);
  }

  /** @param {number | string} user */
  block(user) {
    return this.#account.setBlocked(user, true);
  }

  /** @param {number | string} user */
  unblock(user) {
    return this.#account.setBlocked(user, false);
  }

  /** @param {number} room @param {import('../sdk').NewFile} file @param {{ url?: string }} [options] */
  upload(room, file, { url } = {}) {
    return this.#account.upload(room, file, url);
  }

  /** @param {string} method @param {string} path @param {import('../sdk').RequestOptions} [options] */
  async request(method, path, options) {
    const response = await this.http.call(method, path, options);
    return options?.full ? response : response.data;
  }

  /** @param {import('../sdk').FileData | string} file @param {{ signal?: AbortSignal }} [options] */
  async download(file, { signal } = {}) {
    const url = typeof file === 'string' ? file : file.url;
    const { data } = await this.http.call('GET', url, { bytes: true, signal });
    if (typeof file !== 'string' && data.size !== file.size) throw new Unreachable(); // a proxy's page, or a part
    return data;
  }

  close() {
    this.#over.abort();
    this.#wait.wake();
    this.rooms.account?.close();
    this.session.close();
    this.#releaseTab();
    this.#setConnection('closed');
  }
}

/** @type {typeof import('../sdk').connect} */
export const connect = (options = {}) => new Parley(options);
