// Small things that all modules use.

import { isTransient, Problem } from './problem.js';

/** A random key for a request or a message. crypto.randomUUID exists only in secure contexts. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

/**
 * How a path names a room or a user. Digits are an id, and a name may be without its sign.
 * @param {'#' | '@'} sign @param {number | string} name
 */
export const address = (sign, name) => encodeURIComponent(/^(\d+$|[#@])/.test(String(name)) ? name : sign + name);

const MAX_PAUSE = 60 * 60_000; // milliseconds; a timer of more than 2^31 ends at once

/** A pause that ends after ms milliseconds, or when wake is called. @param {number} ms */
export function pause(ms) {
  let wake = () => {};
  const over = new Promise((resolve) => {
    const timer = setTimeout(resolve, ms > 0 ? Math.min(ms, MAX_PAUSE) : 0);
    wake = () => {
      clearTimeout(timer);
      resolve(undefined);
    };
  });
  return { over, wake };
}

/** How long to wait before the next try: doubled each time, and not the same for all clients. @param {number} tries */
export const backoff = (tries, max = 30_000) => Math.min(max, 500 * 2 ** tries) * (0.75 + Math.random() / 2);

/**
 * How long to wait before the next try: as long as the server asks for, and no shorter than the backoff.
 * @param {any} asked milliseconds, as the server says it: perhaps no number
 * @param {number} tries @param {number} [max]
 */
export const retryDelay = (asked, tries, max) => Math.max(Number(asked) || 0, backoff(tries, max));

/** How long the server asks to wait, in milliseconds. @param {unknown} err */
export const retryAfter = (err) => (err instanceof Problem ? err.retryAfter * 1000 : 0);

/** Who is called when something happens. @template {any[]} T */
export class Listeners {
  /** @type {Set<(...args: T) => void>} */ #all = new Set();

  /** Calls f each time, until the returned function is called. @param {(...args: T) => void} f */
  add = (f) => {
    const own = (/** @type {T} */ ...args) => f(...args); // the same f may be added twice
    this.#all.add(own);
    return () => void this.#all.delete(own);
  };

  /** @param {T} args */
  call(...args) {
    for (const f of this.#all) {
      try {
        f(...args);
      } catch (err) {
        reportError(err);
      }
    }
  }
}

/** An error in what the page does on a change must not keep the others from it. @param {unknown} err */
export const reportError = (err) => console.error(err);

/** Something that changes, and tells so once, however much has changed at once. */
export class Watched {
  #listeners = /** @type {Listeners<[]>} */ (new Listeners());
  #isPending = false;
  subscribe = this.#listeners.add;

  changed() {
    if (this.#isPending) return;
    this.#isPending = true;
    queueMicrotask(() => {
      this.#isPending = false;
      this.#listeners.call();
    });
  }
}

/**
 * Runs tasks that read state again after events. Calls with the same name are joined into one run; a call during a run
 * causes one more, so that the last response is never older than the last call. What fails because the server is away is
 * repeated.
 */
export class Tasks {
  /** @type {Map<string, { again: boolean, wake: () => void }>} */ #running = new Map();
  #stopped = false;

  /** @param {string} name @param {() => Promise<void>} f @param {number} [delay] milliseconds in which calls are joined */
  async run(name, f, delay = 50) {
    const known = this.#running.get(name);
    if (known) {
      known.again = true;
      return;
    }
    const task = { again: true, wake: () => {} };
    this.#running.set(name, task);
    let tries = 0;
    let asked = 0;
    while (task.again && !this.#stopped) {
      const wait = pause(tries ? retryDelay(asked, tries) : delay);
      if (tries) task.wake = wait.wake;
      await wait.over;
      if (this.#stopped) break;
      task.again = false;
      try {
        await f();
        tries = 0;
      } catch (err) {
        if (isTransient(err)) {
          tries++;
          asked = retryAfter(err);
          task.again = true;
        } else if (/** @type {Error} */ (err).name !== 'Problem') reportError(err);
      }
    }
    this.#running.delete(name);
  }

  /** A run that is under way may not see a change: it is repeated. @param {string} name */
  repeat(name) {
    const task = this.#running.get(name);
    if (task) task.again = true;
  }

  /** The server is back: what has failed is tried now. */
  wake() {
    for (const task of this.#running.values()) task.wake();
  }

  stop() {
    this.#stopped = true;
    this.wake();
  }
}
