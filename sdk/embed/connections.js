// The connections of the page. Elements with the same server and the same user share one; the last of them closes it.

import { connect } from '../sdk.js';
import { isTransient } from './problems.js';

/** @typedef {import('../sdk').Parley} Parley */
/** @typedef {import('../sdk').Room} Room */
/** @typedef {NonNullable<import('../sdk').Options['token']>} Supply */
/** @typedef {{ server: string, session: 'cookie' | 'storage', token: string | Supply | null }} Settings */

const MAX_WAIT = 30_000; // milliseconds between two attempts

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
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #tries = 0;

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
    clearTimeout(this.#timer);
    this.client?.close();
    this.client = null;
  }

  /** The session that is stored can only be resumed when the server is there: until then, it is tried again. */
  async #start() {
    const { server, session, token } = this.settings;
    const supply = typeof token === 'string' ? () => token : (token ?? undefined);
    const client = connect({ server, session, token: supply });
    this.client = client;
    client.on('session', () => this.#changed());
    client.on('connection', () => this.#changed());
    try {
      await client.ready;
      this.ready = true;
      this.error = null;
    } catch (err) {
      if (client !== this.client) return;
      client.close();
      this.error = err;
      if (isTransient(err) && !(/** @type {Error} */ (err).cause))
        this.#timer = setTimeout(() => this.retry(), delay(this.#tries++));
    }
    if (client === this.client) this.#changed();
  }

  retry() {
    if (this.ready || !this.error) return;
    clearTimeout(this.#timer);
    this.error = null;
    void this.#start();
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
