// Keeps the event stream open: reads server-sent events with fetch, which runs everywhere and carries the token, and
// reconnects after the last event.

import { pause, retryAfter, retryDelay } from './tools.js';

const SILENCE_LIMIT = 60_000; // milliseconds; the server sends at least a comment every 20 seconds
const TICK_INTERVAL = 15_000;
const MAX_LINE = 4 * 1024 * 1024; // characters
const MAX_ROOMS = 200; // that a connection can be opened with

/** @typedef {{ name: string, id: string, data: any }} Event id is empty for events that are not stored */

export class Stream {
  lastId = '';
  streamId = '';
  /** Those that the connection was opened with. @type {number[]} */ rooms = [];
  #stopped = false;
  #lastByteAt = 0;
  /** Ends the connection that is open. */
  #abort = () => {};
  #wait = pause(0);
  /** Milliseconds that the server asks to wait before the next connection. @type {unknown} */
  #after = 0;

  /**
   * @param {import('./http.js').Http} http
   * @param {(event: Event) => void} onEvent
   * @param {(isOpen: boolean) => void} onState
   * @param {() => number[]} roomsNow in which the stream is from its start, so that what is replayed of them is complete
   */
  constructor(http, onEvent, onState, roomsNow) {
    this.http = http;
    this.onEvent = onEvent;
    this.onState = onState;
    this.roomsNow = roomsNow;
  }

  /** Opens the stream after the cursor, and keeps it open until stop. @param {string} cursor */
  async run(cursor) {
    this.lastId = cursor;
    // A connection can die unnoticed, and a machine that slept has none.
    const ticker = setInterval(() => this.#isSilent() && this.#abort(), TICK_INTERVAL);
    for (let tries = 0; !this.#stopped; ) {
      this.#after = 0;
      try {
        if (await this.#read()) tries = 0;
      } catch (err) {
        this.#after ||= retryAfter(err);
      }
      this.streamId = '';
      if (this.#stopped) break;
      this.onState(false);
      this.#wait = pause(retryDelay(this.#after, tries++));
      await this.#wait.over;
    }
    clearInterval(ticker);
  }

  #isSilent = () => Date.now() - this.#lastByteAt > SILENCE_LIMIT;

  /**
   * The page is shown again, or the network is back: waits no longer. A connection from the time before the network was
   * away may be dead.
   * @param {boolean} isOnline
   */
  wake(isOnline) {
    this.#wait.wake();
    if (this.streamId && (isOnline || this.#isSilent())) this.#abort();
  }

  stop() {
    this.#stopped = true;
    this.#abort();
    this.#wait.wake();
  }

  /** Reads the stream until it ends. @returns {Promise<boolean>} whether it was ready */
  async #read() {
    const over = new AbortController();
    this.#abort = () => over.abort();
    this.#lastByteAt = Date.now();
    this.rooms = this.roomsNow().slice(0, MAX_ROOMS);
    const query = this.rooms.map((room) => `room=${room}`).join('&');
    const { body } = await this.http.open('GET', `/v1/events${query && `?${query}`}`, {
      headers: { Accept: 'text/event-stream', ...(this.lastId && { 'Last-Event-ID': this.lastId }) },
      signal: over.signal,
    });
    const reader = /** @type {ReadableStream<Uint8Array>} */ (body).getReader();
    const decoder = new TextDecoder();
    let rest = '';
    let isReady = false;
    const fields = { id: '', event: '', data: '', retry: '' };
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return isReady;
        this.#lastByteAt = Date.now();
        const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > MAX_LINE) {
          isReady = false; // this is no event stream, and each further connection waits longer
          throw new Error('The event stream has a line without end.');
        }
        for (const line of lines) {
          const colon = line.indexOf(': ');
          const name = /** @type {keyof typeof fields} */ (line.slice(0, colon));
          if (Object.hasOwn(fields, name)) fields[name] = line.slice(colon + 2);
          if (line || !fields.event) continue;
          isReady ||= fields.event === 'ready';
          this.#dispatch({ name: fields.event, id: fields.id, data: fields.data && JSON.parse(fields.data) });
          if (this.#stopped) return isReady;
          if (fields.event === 'busy') this.#after = fields.retry;
          Object.assign(fields, { id: '', event: '', data: '' });
        }
      }
    } catch (err) {
      if (isReady) return true; // the connection broke
      throw err;
    } finally {
      over.abort();
    }
  }

  /** @param {Event} event */
  #dispatch(event) {
    const { name, id, data } = event;
    if (id) this.lastId = id;
    if (name === 'ready') {
      this.streamId = data.stream_id;
      this.onState(true);
    } else if (name === 'server.closing') {
      this.#after = data?.reconnect_in_ms;
      this.#abort();
    } else if (name === 'session.revoked') this.stop();
    this.onEvent(event);
  }
}
