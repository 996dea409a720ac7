// Locks that all tabs of a browser share, or all clients of a program. navigator.locks exists only in secure contexts,
// and a server in a private network is often reached over plain http. There the tabs negotiate by messages: a tab
// requests a lock, and gets it if no other tab objects. A closed tab cannot object, so its locks are free.

import { newKey, pause } from './tools.js';

// Other tabs have STEPS × STEP_MS milliseconds to object. A single long wait is wrong: after the page was suspended,
// the timer could fire before the pending objections are read. There are few steps, because timers of hidden pages are
// throttled.
const STEP_MS = 40;
const STEPS = 4;
const RETRY_AFTER = 3000; // milliseconds between attempts, in case the holder was closed without a message
const LAST_RANK = '~'; // prefix of the id of a request that yields to all others

/** @typedef {{ id: string, refused: boolean, wake: () => void }} Request */

/**
 * @typedef {object} Locks
 * @property {<T>(name: string, f: () => Promise<T>) => Promise<T>} hold waits for the lock, and runs f while it is held
 * @property {(name: string) => () => void} keep holds a lock that nobody else asks for before, until it is let go or the
 *   page is gone
 * @property {(name: string, f: () => Promise<void>, signal: AbortSignal) => void} whenGone runs f when the page is gone
 *   that keeps the lock, or is about to
 */

/** @type {Map<string, Promise<unknown>>} */
const queues = new Map();

/**
 * The locks of one program: who asks first is served first.
 * @type {Locks}
 */
export const ownLocks = {
  async hold(name, f) {
    const before = queues.get(name);
    const run = (async () => {
      await before;
      return f();
    })();
    const settled = run.then(
      () => {},
      () => {},
    );
    queues.set(name, settled);
    void settled.then(() => queues.get(name) === settled && queues.delete(name));
    return run;
  },
  keep: () => () => {},
  whenGone: (_name, f) => void f(), // the program that kept it has ended
};

/** @returns {Locks} */
export function sharedLocks() {
  if (!navigator.locks) return negotiatedLocks();
  const { locks } = navigator;
  return {
    hold: (name, f) => /** @type {Promise<any>} */ (locks.request(name, f)),
    keep(name) {
      let release = () => {};
      const over = new Promise((resolve) => {
        release = () => resolve(undefined);
      });
      void locks.request(name, () => over);
      return release;
    },
    whenGone: (name, f, signal) => void locks.request(name, { signal }, f).catch(() => {}),
  };
}

/** @returns {Locks} */
function negotiatedLocks() {
  /** The locks that this page holds, and the id of the request of each. @type {Map<string, string>} */
  const held = new Map();
  /** The locks that this page waits for. @type {Map<string, Request[]>} */
  const waiting = new Map();
  const requestsFor = (/** @type {string} */ name) => waiting.get(name) ?? [];
  const channel = new BroadcastChannel('parley.locks');
  channel.onmessage = ({ data: { type, name, id } }) => {
    if (type === 'free') for (const w of requestsFor(name)) w.wake();
    else if (type === 'want') {
      if (mustObject(name, id)) channel.postMessage({ type: 'no', name, id });
      else for (const w of requestsFor(name)) if (w.id > id) w.refused = true;
    } else for (const w of requestsFor(name)) if (w.id === id) w.refused = true;
  };

  /**
   * Whether this page holds the lock, or waits for it with a smaller id: of two requests at the same time, the one with
   * the smaller id wins.
   * @param {string} name @param {string} id
   */
  const mustObject = (name, id) => held.has(name) || requestsFor(name).some((w) => w.id < id && !w.refused);

  /** @param {string} name @param {Request} request */
  async function tryAcquire(name, request) {
    request.refused = mustObject(name, request.id);
    channel.postMessage({ type: 'want', name, id: request.id });
    for (let step = 0; step < STEPS; step++) await pause(STEP_MS).over;
    return !request.refused && !mustObject(name, request.id);
  }

  /** @param {string} name */
  function free(name) {
    held.delete(name);
    channel.postMessage({ type: 'free', name });
    for (const w of requestsFor(name)) w.wake();
  }

  /** @param {string} name @param {() => Promise<any>} f @param {string} [rank] @param {AbortSignal} [signal] */
  async function hold(name, f, rank = '', signal) {
    const request = { id: rank + newKey(), refused: false, wake: () => {} };
    waiting.set(name, [...requestsFor(name), request]);
    try {
      while (!(await tryAcquire(name, request))) {
        if (signal?.aborted) return undefined;
        const wait = pause(RETRY_AFTER);
        request.wake = wait.wake;
        await wait.over;
      }
      if (signal?.aborted) return undefined;
    } finally {
      waiting.set(
        name,
        requestsFor(name).filter((w) => w !== request),
      );
    }
    held.set(name, request.id);
    try {
      return await f();
    } finally {
      free(name);
    }
  }

  return {
    hold,
    keep(name) {
      held.set(name, newKey());
      return () => free(name);
    },
    whenGone: (name, f, signal) => void hold(name, f, LAST_RANK, signal),
  };
}
