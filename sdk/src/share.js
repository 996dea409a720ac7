// One stream for all tabs of a user: the tab that holds a lock leads, keeps the stream open and tells the others. When
// it is closed, the next tab gets the lock and continues after the last event that was told.

import { Stream } from './stream.js';
import { Listeners } from './tools.js';

/** @typedef {import('./stream.js').Event} Event */

const MAX_SEEN = 2000;
const JOIN_TIMEOUT = 5000; // milliseconds; a leader whose page is suspended does not answer

/** @param {unknown} rooms */
const isRooms = (rooms) => Array.isArray(rooms) && rooms.every((id) => Number.isSafeInteger(id) && id > 0);

/** @param {unknown} tabs */
const isTabs = (tabs) => Array.isArray(tabs) && tabs.every((t) => typeof t?.[0] === 'string' && isRooms(t[1]));

/** Any script of the page's origin may post anything. @param {any} message */
const isValid = (message) =>
  typeof message?.from === 'string' &&
  (message.type !== 'join' || isRooms(message.rooms)) &&
  (message.type !== 'state' || isTabs(message.tabs ?? [])) &&
  (message.type !== 'event' || typeof message.event?.name === 'string');

export class SharedStream {
  event = /** @type {Listeners<[string, any]>} */ (new Listeners());
  state = /** @type {Listeners<[boolean]>} */ (new Listeners());
  /** The stream is in the room: all its messages arrive from now on. */
  entered = /** @type {Listeners<[number]>} */ (new Listeners());
  isOpen = false;
  /** Resolves when no event can be missed any more. @type {Promise<void>} */ joined;

  #tab = '';
  #over = new AbortController();
  /** @type {BroadcastChannel | null} */ #channel = null;
  /** @type {Stream | null} */ #stream = null; // of the leader
  /**
   * The rooms that each tab shows. All tabs keep them, because the next leader needs them before it connects.
   * @type {Map<string, number[]>}
   */
  #tabs = new Map();
  /** The rooms that this tab shows. @type {number[]} */ #rooms = [];
  /** The rooms that the stream is in. @type {Set<number>} */ #present = new Set();
  /** The rooms that the user has left, of which a tab may not know it yet. @type {Set<number>} */ #left = new Set();
  #isReconciling = false;
  /** Events that arrive while the state is being read. @type {Event[] | null} */ #held = [];
  #lastId = '';
  /** @type {Set<string>} */ #seen = new Set();
  #leads = false;
  #stepDown = () => {};
  #resolveJoined = () => {};

  /**
   * @param {import('./http.js').Http} http @param {import('./locks.js').Locks} locks @param {string} key of the user
   * @param {string} tab keeps the lock of this name
   * @param {boolean} share
   */
  constructor(http, locks, key, tab, share) {
    this.http = http;
    this.locks = locks;
    this.key = key;
    this.#tab = tab;
    this.joined = new Promise((resolve) => {
      this.#resolveJoined = () => resolve(undefined);
    });
    if (!share) {
      this.#becomeLeader();
      return;
    }
    this.#channel = new BroadcastChannel(`${key}.stream`);
    this.#channel.onmessage = ({ data }) => isValid(data) && this.#onMessage(data);
    this.#post({ type: 'join', rooms: [] });
    setTimeout(this.#resolveJoined, JOIN_TIMEOUT);
    void this.#lead();
  }

  /** @param {any} message */
  #post(message) {
    this.#channel?.postMessage({ from: this.#tab, ...message });
  }

  /** Waits for the lock and leads, until the tab steps down or is closed; then waits again. */
  async #lead() {
    while (!this.#over.signal.aborted)
      await this.locks.hold(`${this.key}.leader`, async () => {
        if (this.#over.signal.aborted) return;
        await new Promise((resolve) => {
          this.#stepDown = () => {
            this.#leads = false;
            this.#stream?.stop();
            this.#stream = null;
            this.#tabs.clear();
            resolve(undefined);
          };
          this.#becomeLeader();
        });
      });
  }

  #becomeLeader() {
    this.#leads = true;
    this.#present.clear();
    for (const tab of this.#tabs.keys()) this.#watch(tab);
    this.#tabs.set(this.#tab, this.#rooms);
    this.#post({ type: 'leads' });
    this.#resolveJoined();
    if (this.#lastId) this.#openStream();
  }

  #openStream() {
    if (!this.#leads || this.#stream) return;
    const stream = new Stream(
      this.http,
      (event) => {
        this.#post({ type: 'event', event });
        this.#receive(event);
      },
      (isOpen) => this.#onStreamState(isOpen),
      () => this.#wanted(),
    );
    this.#stream = stream;
    void stream.run(this.#lastId);
  }

  /** The rooms that the stream should be in. */
  #wanted() {
    return [...new Set([...this.#tabs.values()].flat())].filter((room) => !this.#left.has(room));
  }

  /** @param {boolean} isOpen */
  #onStreamState(isOpen) {
    this.#present.clear();
    this.#postState(isOpen);
    this.#setState(isOpen);
    if (isOpen) for (const room of this.#stream?.rooms ?? []) this.#onEntered(room);
    void this.#reconcile();
  }

  #postState(isOpen = this.isOpen) {
    this.#post({ type: 'state', isOpen, tabs: [...this.#tabs] });
  }

  /** @param {number} room */
  #onEntered(room) {
    this.#present.add(room);
    this.#post({ type: 'entered', room });
    if (this.#rooms.includes(room)) this.entered.call(room);
  }

  /** @param {boolean} isOpen */
  #setState(isOpen) {
    if (this.isOpen === isOpen) return;
    this.isOpen = isOpen;
    this.state.call(isOpen);
  }

  /** @param {any} message */
  #onMessage(message) {
    const { from, type } = message;
    if (type === 'leads') {
      // A suspended tab was considered closed, so that two tabs lead: the one with the smaller id continues.
      if (this.#leads && this.#tab < from) this.#post({ type: 'leads' });
      else {
        this.#stepDown();
        this.#post({ type: 'join', rooms: this.#rooms });
      }
    } else if (this.#leads) {
      if (type === 'join') this.#addTab(from, message.rooms);
      else if (type === 'bye') this.#removeTab(from);
      else if (type === 'wake') this.#stream?.wake(message.isOnline);
    } else if (type === 'event') this.#receive(message.event);
    else if (type === 'join') this.#tabs.set(from, message.rooms);
    else if (type === 'bye') this.#tabs.delete(from);
    else if (type === 'state') {
      for (const [tab, rooms] of message.tabs ?? []) this.#tabs.set(tab, rooms);
      this.#setState(message.isOpen);
      this.#resolveJoined();
    } else if (type === 'entered' && this.#rooms.includes(message.room)) this.entered.call(message.room);
  }

  /** @param {string} tab @param {number[]} rooms */
  #addTab(tab, rooms) {
    if (!this.#tabs.has(tab)) this.#watch(tab);
    const before = this.#tabs.get(tab) ?? [];
    this.#tabs.set(tab, rooms);
    this.#postState();
    for (const room of rooms)
      if (this.#present.has(room) && !before.includes(room)) this.#post({ type: 'entered', room });
    void this.#reconcile();
  }

  /** A tab may end without a word. @param {string} tab */
  #watch(tab) {
    if (tab !== this.#tab) this.locks.whenGone(tab, async () => this.#removeTab(tab), this.#over.signal);
  }

  /** @param {string} tab */
  #removeTab(tab) {
    if (this.#tabs.delete(tab)) void this.#reconcile();
  }

  /** Makes the stream present in the rooms that the tabs show, and in no others; one change at a time. */
  async #reconcile() {
    if (this.#isReconciling || !this.#leads) return;
    this.#isReconciling = true;
    const refused = new Set(); // retried when something changes
    for (;;) {
      const id = this.#stream?.streamId;
      if (!id) break;
      const wanted = this.#wanted();
      const enter = wanted.find((r) => !this.#present.has(r) && !refused.has(r));
      const room = enter ?? [...this.#present].find((r) => !wanted.includes(r));
      if (!room) break;
      let ok = true;
      try {
        await this.http.call(enter ? 'PUT' : 'DELETE', `/v1/rooms/${room}/presence/${id}`);
      } catch {
        ok = false; // not a member, or the stream is gone
      }
      if (id !== this.#stream?.streamId) continue;
      if (!enter) this.#present.delete(room);
      else if (!ok || this.#left.has(room)) refused.add(room);
      else this.#onEntered(room);
    }
    this.#isReconciling = false;
  }

  /** @param {Event} event */
  #receive(event) {
    if (this.#held) this.#held.push(event);
    else this.#apply(event);
  }

  /** Calls what waits for the event, once for an event of the log, whoever has led. @param {Event} event */
  #apply({ name, id, data }) {
    if (name === 'resync') {
      this.#seen.clear();
      this.#left.clear();
    }
    if (id) this.#lastId = id;
    if (id && name !== 'ready' && name !== 'resync') {
      if (this.#seen.has(id)) return;
      this.#seen.add(id);
      if (this.#seen.size > MAX_SEEN) for (const old of [...this.#seen].slice(0, MAX_SEEN / 2)) this.#seen.delete(old);
    }
    this.event.call(name, data);
  }

  /** Keeps the events back while the state is read. */
  hold() {
    this.#held ??= [];
  }

  /** The state has been read: applies the events that came meanwhile, and opens the stream after the cursor. */
  release(/** @type {string} */ cursor) {
    this.#lastId ||= cursor;
    const held = this.#held ?? [];
    this.#held = null;
    for (const event of held) this.#apply(event);
    this.#openStream();
  }

  /** Sets the rooms that this tab shows. @param {number[]} rooms */
  setRooms(rooms) {
    this.#rooms = rooms;
    if (!this.#leads) {
      this.#post({ type: 'join', rooms });
      return;
    }
    const before = this.#tabs.get(this.#tab) ?? [];
    this.#tabs.set(this.#tab, rooms);
    for (const room of rooms)
      if (this.#present.has(room) && !before.includes(room)) queueMicrotask(() => this.entered.call(room));
    void this.#reconcile();
  }

  /** The user is not in the room any more: the server has taken the stream out of it. @param {number} room */
  leave(room) {
    this.#present.delete(room);
    this.#left.add(room);
  }

  /** The user has come back to the room, and the stream is not in it. @param {number} room */
  enterAgain(room) {
    this.#present.delete(room);
    this.#left.delete(room);
    void this.#reconcile();
  }

  /** Waits no longer before the next try. @param {boolean} [isOnline] the network was away, and is back */
  wake(isOnline = false) {
    this.#stream?.wake(isOnline);
    this.#post({ type: 'wake', isOnline });
  }

  close() {
    this.#over.abort();
    this.#post({ type: 'bye' });
    this.#stream?.stop();
    this.#stepDown();
    this.#channel?.close();
    this.#channel = null; // posting to a closed one throws
  }
}
