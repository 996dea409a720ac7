// The connections of the page. Elements with the same server and the same user share one; the last of them closes it.

import { connect, Unreachable } from '../sdk.js';
import { isLasting } from './problems.js';

/** @typedef {import('../sdk').Parley} Parley */
/** @typedef {import('../sdk').Room} Room */
/** @typedef {NonNullable<import('../sdk').Options['token']>} Supply */
/** @typedef {{ server: string, session: 'cookie' | 'storage', token: string | Supply | null }} Settings */

const MAX_WAIT = 30_000; // milliseconds between two attempts
const TIMEOUT = 30_000; // milliseconds for a response
const PROBE = '/v1/auth/providers'; // cheap, and needs no log-in

/** Waits longer each time, and not the same time in all pages. @param {number} tries */
export const delay = (tries) => Math.min(MAX_WAIT, 500 * 2 ** tries) * (0.75 + Math.random() / 2);

/** @type {Connection[]} */
const all = [];

export class Connection {
  /** @type {Parley | null} */ client = null;
  /** Whether it is known who is logged in. */
  ready = false;
  /** Why it is not ready. @type {unknown} */ error = null;
  /** @type {Set<() => void>} */ #users = new Set();
  /** How many elements show each room. @type {Map<Room, number>} */ #shown = new Map();

  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
  }

  /**
   * The connection with these settings. f is called after each change, until `release(f)`.
   * @param {Settings} settings @param {() => void} f
   */
  static use({ server, session, token }, f) {
    let found = all.find(
      ({ settings: s }) => s.server === server && s.token === token && (token || s.session === session),
    );
    if (!found) {
      found = new Connection({ server, session, token });
      all.push(found);
      void found.#start();
    }
    found.#users.add(f);
    return found;
  }

  /** @param {() => void} f */
  release(f) {
    this.#users.delete(f);
    if (this.#users.size) return;
    all.splice(all.indexOf(this), 1);
    const { client } = this;
    this.client = null;
    client?.close();
  }

  async #start() {
    const { server, session, token } = this.settings;
    const supply = typeof token === 'string' ? () => token : (token ?? undefined);
    const client = connect({ server, session, token: supply });
    this.client = client;
    const fail = (/** @type {unknown} */ err) => {
      this.error = err;
      this.#changed();
    };
    let isProbing = !token;
    client.on('error', (err) => isProbing || fail(err)); // the probe tells the same
    client.on('session', () => this.#changed());
    client.on('connection', () => this.#changed());
    if (isProbing && !(await this.#isReachable(client, fail))) return;
    isProbing = false;
    try {
      await client.ready;
    } catch (err) {
      if (client === this.client) fail(err);
      return;
    }
    if (client !== this.client) return;
    this.ready = true;
    this.error = null;
    this.#changed();
  }

  /**
   * A visitor without a session sends nothing before they have typed a name, and the rooms of one with a session are
   * waited for without a word. So it is tried whether the server responds, until it does.
   * @param {Parley} client @param {(err: unknown) => void} fail
   */
  async #isReachable(client, fail) {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    client.ready.then(settle, settle);
    const isOver = () => client !== this.client || Boolean(isSettled && client.user);
    for (let tries = 0; !isOver(); tries++) {
      const err = await this.#probe();
      if (!err || isOver()) break;
      fail(err);
      if (await isLasting(err, this.settings.server)) return false;
      await new Promise((resolve) => setTimeout(resolve, delay(tries)));
    }
    return client === this.client;
  }

  /** Why the server cannot be reached from this page, if it cannot: any response to it will do. */
  async #probe() {
    const { server, session } = this.settings;
    try {
      await fetch(server + PROBE, {
        method: 'HEAD',
        cache: 'no-store',
        credentials: session === 'cookie' ? 'include' : 'same-origin',
        signal: AbortSignal.timeout(TIMEOUT),
      });
      return null;
    } catch {
      return new Unreachable();
    }
  }

  /** Waits no longer. */
  retry() {
    if (this.ready || !this.error) return;
    this.error = null;
    const before = this.client;
    void this.#start();
    before?.close();
  }

  #changed() {
    for (const f of this.#users) f();
  }

  /** @param {Room} room */
  show(room) {
    this.#shown.set(room, (this.#shown.get(room) ?? 0) + 1);
  }

  /** @param {Room} room */
  hide(room) {
    const count = (this.#shown.get(room) ?? 0) - 1;
    if (count > 0) this.#shown.set(room, count);
    else if (this.#shown.delete(room)) room.close();
  }
}
