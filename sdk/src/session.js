// The session. All tabs of a browser share it, and so do all clients of a program that have the same storage. One of
// them renews the access token for all: a refresh token works once.

import { Problem } from './problem.js';
import { Listeners } from './tools.js';

/** @typedef {import('../sdk').Session} SessionData */
/** @typedef {SessionData & { expires_at: number }} Kept */

const RENEW_BEFORE = 60_000; // milliseconds before its expiry at which a token is renewed

export class Session {
  /** @type {Kept | null} */ #now = null;
  /** @type {Promise<string> | null} */ #renewing = null;
  /** @type {BroadcastChannel | null} */ #tabs = null;
  changed = /** @type {Listeners<[SessionData | null, string]>} */ (new Listeners());

  /**
   * @param {import('./http.js').Http} http @param {import('../sdk').Storage} storage
   * @param {import('./locks.js').Locks} locks
   * @param {{ key: string, cookie: boolean, share: boolean, supply?: (fresh: boolean) => Promise<string> }} options
   */
  constructor(http, storage, locks, { key, cookie, share, supply }) {
    this.http = http;
    this.storage = storage;
    this.locks = locks;
    this.key = `${key}.session`;
    this.cookie = cookie;
    this.supply = supply;
    if (!share || supply) return;
    this.#tabs = new BroadcastChannel(this.key);
    this.#tabs.onmessage = ({ data }) => {
      if (data.reason) this.#set(null, data.reason);
      else if (data.began || data.session_id === this.#now?.session_id) this.#set(data);
    };
  }

  /** An access token that is valid. @param {boolean} fresh */
  async token(fresh) {
    const now = this.#now;
    return !fresh && now && Date.now() < now.expires_at - RENEW_BEFORE ? now.access_token : this.#renew();
  }

  /** One after the other, in all tabs. */
  #renew() {
    const stale = this.#now?.access_token;
    this.#renewing ??= this.locks
      .hold(`${this.key}.refresh`, () => this.#refresh(stale))
      .finally(() => {
        this.#renewing = null;
      });
    return this.#renewing;
  }

  /** @param {string | undefined} stale */
  async #refresh(stale) {
    if (this.supply) return this.#askProduct();
    const kept = await this.#read();
    const known = kept?.access_token ? kept : this.#now;
    if (known && known.access_token !== stale && Date.now() < known.expires_at - RENEW_BEFORE) {
      this.#set(known); // somebody else has renewed it
      return known.access_token;
    }
    if (!kept) throw new Problem(401, { code: 'unauthenticated', detail: 'You are not logged in.' });
    try {
      // keepalive, so that the browser stores the new cookie even if the page is closed: the old one is used up.
      const { data } = await this.http.call('POST', '/v1/sessions/refresh', {
        anonymous: true,
        keepalive: true,
        cookies: this.cookie,
        body: this.cookie ? { cookie: true } : { refresh_token: kept.refresh_token },
      });
      return (await this.#keep(data)).access_token;
    } catch (err) {
      if (err instanceof Problem && err.status === 401)
        await this.end(err.code === 'session_revoked' ? 'session_revoked' : 'expired');
      throw err;
    }
  }

  /** The product's own back end supplies the tokens. The time at which a JWT ends is in it. */
  async #askProduct() {
    const token = await /** @type {NonNullable<typeof this.supply>} */ (this.supply)(Boolean(this.#now));
    let ends = Infinity;
    try {
      ends = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).exp * 1000 || ends;
    } catch {
      // It is not a JWT: the server says when it has expired.
    }
    // Not through token(), which waits for this.
    const headers = { Authorization: `Bearer ${token}` };
    const user = this.#now?.user ?? (await this.http.get('/v1/users/me', { anonymous: true, headers }));
    const session_id = `user ${user.id}`;
    this.#set(/** @type {Kept} */ ({ access_token: token, expires_at: ends, user, session_id }));
    return token;
  }

  async #read() {
    const text = await this.storage.get(this.key);
    return text ? /** @type {Kept} */ (JSON.parse(text)) : null;
  }

  /** @param {SessionData} session @param {boolean} [began] */
  async #keep(session, began = false) {
    const kept = { ...session, expires_at: Date.now() + session.expires_in * 1000 };
    // The cookie is out of reach of scripts, and so are the tokens: only a flag shows that there may be one.
    await this.storage.set(this.key, this.cookie ? '{}' : JSON.stringify(kept));
    this.#tabs?.postMessage({ ...kept, began });
    this.#set(kept);
    return kept;
  }

  /** @param {Kept | null} session @param {string} [reason] */
  #set(session, reason = '') {
    const before = this.#now;
    this.#now = session;
    if (before?.session_id !== session?.session_id) this.changed.call(session, reason);
  }

  /** Resumes the session that is stored, if there is one. */
  async resume() {
    if (!this.supply && !(await this.#read())) return;
    try {
      await this.token(false);
    } catch (err) {
      if (this.supply || !(err instanceof Problem) || err.status !== 401) throw err;
    }
  }

  /** Logs in or signs up. @param {string} path @param {object} body @param {boolean} [asGuest] the guest becomes the account */
  async begin(path, body, asGuest = false) {
    const { data } = await this.http.call('POST', path, {
      anonymous: !asGuest,
      cookies: this.cookie,
      body: this.cookie ? { ...body, cookie: true } : body,
    });
    await this.#keep(data, true);
    return data;
  }

  /** Ends the session, here and in the other tabs. @param {string} reason */
  async end(reason) {
    const known = this.#now ?? (await this.#read());
    if (!known) return; // it has ended already
    this.#now = null;
    await this.storage.remove(this.key);
    this.#tabs?.postMessage({ reason });
    this.changed.call(null, reason);
  }

  close() {
    this.#tabs?.close();
  }
}
