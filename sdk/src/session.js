// The session. All tabs of a browser share it, and so do all clients of a program that have the same storage. One of
// them renews the access token for all: a refresh token works once.

import { Problem, Unreachable } from './problem.js';
import { Listeners, pause } from './tools.js';

/** @typedef {import('../sdk').Session} SessionData */
/** @typedef {SessionData & { expires_at: number }} Kept */

const RENEW_BEFORE = 60_000; // milliseconds before its expiry at which a token is renewed
const TIMEOUT = 30_000; // milliseconds for a refresh or a log-in, which all tabs wait for
const LOG_OUT_TIMEOUT = 5000; // milliseconds for the server's part of a log-out

/** @param {Kept | null} session @returns {session is Kept} */
const isValid = (session) => Boolean(session && Date.now() < session.expires_at - RENEW_BEFORE);

/** @param {string} detail */
const unauthenticated = (detail) => new Problem(401, { code: 'unauthenticated', detail });

export class Session {
  /** @type {Kept | null} */ #now = null;
  /** @type {Promise<string> | null} */ #renewing = null;
  /** @type {BroadcastChannel | null} */ #tabs = null;
  /** How often the session was set or ended. */ #changes = 0;
  /** Who the product's last token is for, if it says so. */ #subject = '';
  #isClosed = false;
  #close = () => {};
  /** Rejects at close(). @type {Promise<never>} */ #over = new Promise((_, reject) => {
    this.#close = () => reject(unauthenticated('The client is closed.'));
  });
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
    this.#over.catch(() => {});
    if (!share || supply) return;
    this.#tabs = new BroadcastChannel(this.key);
    this.#tabs.onmessage = ({ data }) => {
      if (data.reason) {
        if (data.session_id === this.id) this.#set(null, data.reason);
      } else if (data.began || data.session_id === this.id) this.#set(data);
    };
  }

  /** The id of the session, which changes with the user. */
  get id() {
    return this.#now?.session_id;
  }

  /**
   * An access token of the session with this id. Throws when another user has logged in meanwhile, because what one user
   * wants must not be done by the other.
   * @param {boolean} fresh @param {string} [id]
   */
  async token(fresh, id = this.id) {
    const now = this.#now;
    const token = !fresh && isValid(now) ? now.access_token : await this.#renew();
    if (id && id !== this.id) throw unauthenticated('The session of this request has ended.');
    return token;
  }

  /** One after the other, in all tabs. But each client asks its product itself, and waits for no other. */
  #renew() {
    const stale = this.#now?.access_token;
    this.#renewing ??= (this.supply ? this.#askProduct(this.supply) : this.#hold(() => this.#refresh(stale))).finally(
      () => {
        this.#renewing = null;
      },
    );
    return this.#renewing;
  }

  /** Runs f while no other tab renews the session or logs in. @template T @param {() => Promise<T>} f */
  #hold = (f) => this.locks.hold(`${this.key}.refresh`, f);

  /** @param {string | undefined} stale */
  async #refresh(stale) {
    const kept = await this.#read();
    const known = kept?.access_token ? kept : this.#now;
    if (known && known.access_token !== stale && isValid(known)) {
      this.#set(known); // somebody else has renewed it
      return known.access_token;
    }
    if (!kept) throw unauthenticated('You are not logged in.');
    const changes = this.#changes;
    try {
      // keepalive, so that the browser stores the new cookie even if the page is closed: the old one is used up.
      const { data } = await this.http.call('POST', '/v1/sessions/refresh', {
        anonymous: true,
        keepalive: true,
        cookies: this.cookie,
        body: this.cookie ? { cookie: true } : { refresh_token: kept.refresh_token },
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (changes === this.#changes) return (await this.#keep(data)).access_token;
    } catch (err) {
      if (err instanceof Problem && err.status === 401)
        await this.end(err.code === 'session_revoked' ? 'session_revoked' : 'expired', this.id ?? kept.session_id);
      throw err;
    }
    // The user has logged out or signed up meanwhile.
    if (!this.#now) throw unauthenticated('You are not logged in.');
    return this.#now.access_token;
  }

  /** The product's own back end supplies the tokens. @param {NonNullable<typeof this.supply>} supply */
  async #askProduct(supply) {
    let token = '';
    try {
      token = await Promise.race([supply(Boolean(this.#now)), this.#over]);
    } catch (err) {
      throw err instanceof Problem ? err : new Unreachable(err); // the product may be back later
    }
    const { exp, iss, sub } = readClaims(token);
    const subject = sub ? JSON.stringify([iss, sub]) : '';
    const now = this.#now;
    const isSame = now && (token === now.access_token || (subject && subject === this.#subject));
    // Not through token(), which waits for this.
    const headers = { Authorization: `Bearer ${token}` };
    const user = isSame ? now.user : await this.http.get('/v1/users/me', { anonymous: true, headers });
    this.#subject = subject;
    const session_id = `user ${user.id}`;
    const expires_at = exp * 1000 || Infinity;
    this.#set(/** @type {Kept} */ ({ access_token: token, expires_at, user, session_id }));
    return token;
  }

  async #read() {
    const text = await this.storage.get(this.key);
    return text ? /** @type {Kept} */ (JSON.parse(text)) : null;
  }

  /** @param {SessionData} session @param {boolean} [began] */
  async #keep(session, began = false) {
    const kept = { ...session, expires_at: Date.now() + session.expires_in * 1000 };
    // The cookie is out of reach of scripts, and so are the tokens: this only shows that there may be one.
    await this.storage.set(this.key, JSON.stringify(this.cookie ? { session_id: session.session_id } : kept));
    this.#tabs?.postMessage({ ...kept, began });
    this.#set(kept);
    return kept;
  }

  /** @param {Kept | null} session @param {string} [reason] */
  #set(session, reason = '') {
    const before = this.id;
    this.#now = session;
    this.#changes++;
    if (before !== this.id && !this.#isClosed) this.changed.call(session, reason);
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

  /**
   * Logs in or signs up.
   * @param {string} path @param {object} body @param {boolean} [asGuest] the guest becomes the account
   */
  async begin(path, body, asGuest = false) {
    const send = async () => {
      const { data } = await this.http.call('POST', path, {
        anonymous: !asGuest,
        cookies: this.cookie,
        body: this.cookie ? { ...body, cookie: true } : body,
        signal: AbortSignal.timeout(TIMEOUT),
      });
      await this.#keep(data, true);
      return data;
    };
    // A refresh that is under way would replace the new cookie. The token of a guest may itself have to be renewed.
    return asGuest ? send() : this.#hold(send);
  }

  /** Logs out here, whatever the server does. @returns {Promise<boolean>} whether the server has ended the session too */
  async logOut() {
    const id = this.id ?? (await this.#read())?.session_id;
    const over = new AbortController(); // a late response would delete the cookie of the next log-in
    const request = this.http.call('DELETE', '/v1/sessions/current', { cookies: this.cookie, signal: over.signal });
    const limit = pause(LOG_OUT_TIMEOUT);
    const isEnded = await Promise.race([
      request.then(
        () => true,
        () => false,
      ),
      limit.over.then(() => false),
    ]);
    limit.wake();
    over.abort();
    await this.end('log_out', id);
    return isEnded;
  }

  /**
   * Ends the session, here and in the other tabs.
   * @param {string} reason @param {string} [id] of the session: another one may have begun
   */
  async end(reason, id = this.id) {
    const before = this.id;
    const kept = await this.#read();
    const known = this.#now ?? kept;
    if (!known || known.session_id !== id) return; // it has ended already
    const isFirst = before === this.id; // the stream and a response may both say that it has ended
    this.#now = null;
    this.#changes++;
    if ((kept?.session_id ?? id) === id) await this.storage.remove(this.key);
    if (!isFirst) return;
    this.#tabs?.postMessage({ reason, session_id: id });
    if (!this.#isClosed) this.changed.call(null, reason);
  }

  /** Nothing is told any more, and nobody waits for the product. */
  close() {
    this.#isClosed = true;
    this.#close();
    this.#tabs?.close();
    this.#tabs = null;
  }
}

/** The claims of a JWT. Any other token has none: the server says when it has expired. @param {string} token */
function readClaims(token) {
  try {
    return JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))) ?? {};
  } catch {
    return {};
  }
}
