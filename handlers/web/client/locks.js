// Locks that all tabs of a browser share. navigator.locks exists only in secure contexts, and a server in a private
// network is often reached over plain http. There the tabs negotiate by messages: a tab requests a lock, and gets it if
// no other tab objects. A closed tab cannot object, so its locks are free.

import { newKey } from './api.js';

// Other tabs have STEPS × STEP_MS milliseconds to object. A single long wait is wrong: after the page was suspended,
// the timer could fire before the pending objections are read. There are few steps, because timers of hidden pages are
// throttled.
const STEP_MS = 40;
const STEPS = 4;
const RETRY_AFTER = 3000; // milliseconds between attempts, in case the holder was closed without a message
const LAST_RANK = '~'; // prefix of the id of a request that yields to all others

/** @type {Map<string, string>} the locks that this page holds, and the id of the request of each */
const heldLocks = new Map();
/** @type {Map<string, { id: string, refused: boolean, wake: () => void }[]>} the locks that this page waits for */
const waitingRequests = new Map();
/** @type {BroadcastChannel | null} */
let lockChannel = null;

/**
 * Waits for the lock, and runs f while this page holds it.
 * @template T @param {string} name @param {() => Promise<T>} f @returns {Promise<T>}
 */
export const withLock = (name, f) =>
  navigator.locks ? /** @type {Promise<any>} */ (navigator.locks.request(name, f)) : withNegotiatedLock(name, f);

/**
 * Holds a lock as long as this page exists. No other page requests it before; the page that gets it afterwards knows
 * that this page is gone.
 * @param {string} name
 */
export function holdWhileAlive(name) {
  if (navigator.locks) void navigator.locks.request(name, () => new Promise(() => {}));
  else {
    lockChannel ??= openChannel();
    heldLocks.set(name, newKey());
  }
}

/**
 * Runs f when the page is gone that holds the lock with holdWhileAlive, or is about to.
 * @param {string} name @param {() => Promise<void>} f @returns {Promise<void>}
 */
export const whenPageGone = (name, f) =>
  navigator.locks
    ? /** @type {Promise<any>} */ (navigator.locks.request(name, f))
    : withNegotiatedLock(name, f, LAST_RANK);

/** @template T @param {string} name @param {() => Promise<T>} f @param {string} [rank] @returns {Promise<T>} */
async function withNegotiatedLock(name, f, rank = '') {
  lockChannel ??= openChannel();
  const request = { id: rank + newKey(), refused: false, wake: () => {} };
  waitingRequests.set(name, [...(waitingRequests.get(name) ?? []), request]);
  while (!(await tryAcquire(name, request))) {
    await new Promise((resolve) => {
      request.wake = () => resolve(undefined);
      setTimeout(resolve, RETRY_AFTER);
    });
  }
  withdraw(name, request.id);
  heldLocks.set(name, request.id);
  try {
    return await f();
  } finally {
    heldLocks.delete(name);
    lockChannel.postMessage({ type: 'free', name });
    wake(name);
  }
}

/** @param {string} name @param {{ id: string, refused: boolean }} request */
async function tryAcquire(name, request) {
  request.refused = mustObject(name, request.id);
  lockChannel?.postMessage({ type: 'want', name, id: request.id });
  for (let step = 0; step < STEPS; step++)
    await new Promise((resolve) => {
      setTimeout(resolve, STEP_MS);
    });
  return !request.refused && !mustObject(name, request.id);
}

/**
 * Whether this page holds the lock, or waits for it with a smaller id: of two requests at the same time, the one with
 * the smaller id wins.
 * @param {string} name @param {string} id
 */
const mustObject = (name, id) =>
  heldLocks.has(name) || (waitingRequests.get(name) ?? []).some((w) => w.id < id && !w.refused);

/** @param {string} name @param {string} id */
function withdraw(name, id) {
  const others = (waitingRequests.get(name) ?? []).filter((w) => w.id !== id);
  if (others.length) waitingRequests.set(name, others);
  else waitingRequests.delete(name);
}

/** @param {string} name */
function wake(name) {
  for (const w of waitingRequests.get(name) ?? []) w.wake();
}

function openChannel() {
  const channel = new BroadcastChannel('parley.locks');
  channel.onmessage = ({ data: { type, name, id } }) => {
    if (type === 'free') wake(name);
    else if (type === 'want') {
      if (mustObject(name, id)) channel.postMessage({ type: 'no', name, id });
      else for (const w of waitingRequests.get(name) ?? []) if (w.id > id) w.refused = true;
    } else for (const w of waitingRequests.get(name) ?? []) if (w.id === id) w.refused = true;
  };
  return channel;
}
