// Locks that all tabs of a browser share, for pages that have none: navigator.locks is there on secure pages alone, and a
// server in somebody's own network is often reached over plain http. There the tabs agree by messages: who wants a lock
// asks, and has it when nobody objects. A tab that is gone objects to nothing, so what it held is free.

import { newKey } from './api.js';

// The others have STEPS times STEP milliseconds to object. One long wait would not do: a page that was itself held up
// would find its time over before it has read the objection that lies there. Few steps, since a hidden page's timers are slowed.
const STEP_MS = 40;
const STEPS = 4;
const RETRY_AFTER = 3000; // after which it is tried again, should the one who held it have gone without a word
const LAST_RANK = '~'; // begins the name of a request that comes after all others

/** @type {Map<string, string>} the locks that this page has, and under which name of a request */
const heldLocks = new Map();
/** @type {Map<string, { id: string, refused: boolean, wake: () => void }[]>} the locks that it wants */
const waitingRequests = new Map();
/** @type {BroadcastChannel | null} */
let lockChannel = null;

/**
 * Runs f while this page alone has the lock, and waits for it before.
 * @template T @param {string} name @param {() => Promise<T>} f @returns {Promise<T>}
 */
export const withLock = (name, f) =>
  navigator.locks ? /** @type {Promise<any>} */ (navigator.locks.request(name, f)) : withNegotiatedLock(name, f);

/** Holds a lock that nobody else takes first, as long as this page lives: whoever gets it afterwards knows that the page is gone. @param {string} name */
export function holdWhileAlive(name) {
  if (navigator.locks) void navigator.locks.request(name, () => new Promise(() => {}));
  else {
    lockChannel ??= openChannel();
    heldLocks.set(name, newKey());
  }
}

/**
 * Runs f when a page is gone that has the lock as long as it lives, or is about to have it.
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

/** @param {string} name @param {{ id: string, refused: boolean }} mine */
async function tryAcquire(name, mine) {
  mine.refused = mustObject(name, mine.id);
  lockChannel?.postMessage({ type: 'want', name, id: mine.id });
  for (let step = 0; step < STEPS; step++)
    await new Promise((resolve) => {
      setTimeout(resolve, STEP_MS);
    });
  return !mine.refused && !mustObject(name, mine.id);
}

/** Whether this page has the lock, or wants it before the other: of two at the same moment the smaller name is first. @param {string} name @param {string} id */
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
