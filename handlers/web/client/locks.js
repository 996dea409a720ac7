// Locks that all tabs of a browser share, for pages that have none: navigator.locks is there on secure pages alone, and a
// server in somebody's own network is often reached over plain http. There the tabs agree by messages: who wants a lock
// asks, and has it when nobody objects. A tab that is gone objects to nothing, so what it held is free.

import { newKey } from './api.js';

// The others have STEPS times STEP milliseconds to object. One long wait would not do: a page that was itself held up
// would find its time over before it has read the objection that lies there. Few steps, since a hidden page's timers are slowed.
const STEP = 40;
const STEPS = 4;
const AGAIN = 3000; // after which it is tried again, should the one who held it have gone without a word
const LAST = '~'; // begins the name of a request that comes after all others

/** @type {Map<string, string>} the locks that this page has, and under which name of a request */
const held = new Map();
/** @type {Map<string, { id: string, refused: boolean, wake: () => void }[]>} the locks that it wants */
const wanted = new Map();
/** @type {BroadcastChannel | null} */
let air = null;

/**
 * Runs f while this page alone has the lock, and waits for it before.
 * @template T @param {string} name @param {() => Promise<T>} f @returns {Promise<T>}
 */
export const alone = (name, f) => (navigator.locks ? /** @type {Promise<any>} */ (navigator.locks.request(name, f)) : agreed(name, f));

/** Holds a lock that nobody else takes first, as long as this page is open: getting it afterwards means that the page is closed. @param {string} name */
export function holdWhileAlive(name) {
  if (navigator.locks) void navigator.locks.request(name, () => new Promise(() => {}));
  else {
    air ??= listen();
    held.set(name, newKey());
  }
}

/**
 * Runs f when a page is gone that has the lock as long as it lives, or is about to have it.
 * @param {string} name @param {() => Promise<void>} f @returns {Promise<void>}
 */
export const whenGone = (name, f) => (navigator.locks ? /** @type {Promise<any>} */ (navigator.locks.request(name, f)) : agreed(name, f, LAST));

/** @template T @param {string} name @param {() => Promise<T>} f @param {string} [rank] @returns {Promise<T>} */
async function agreed(name, f, rank = '') {
  air ??= listen();
  const mine = { id: rank + newKey(), refused: false, wake: () => {} };
  wanted.set(name, [...wanted.get(name) ?? [], mine]);
  while (!await granted(name, mine)) {
    await new Promise((resolve) => {
      mine.wake = () => resolve(undefined);
      setTimeout(resolve, AGAIN);
    });
  }
  withdraw(name, mine.id);
  held.set(name, mine.id);
  try {
    return await f();
  } finally {
    held.delete(name);
    air.postMessage({ type: 'free', name });
    wake(name);
  }
}

/** @param {string} name @param {{ id: string, refused: boolean }} mine */
async function granted(name, mine) {
  mine.refused = objects(name, mine.id);
  air?.postMessage({ type: 'want', name, id: mine.id });
  for (let step = 0; step < STEPS; step++) await new Promise((resolve) => { setTimeout(resolve, STEP); });
  return !mine.refused && !objects(name, mine.id);
}

/** Whether this page has the lock, or wants it before the other: of two at the same moment the smaller name is first. @param {string} name @param {string} id */
const objects = (name, id) => held.has(name) || (wanted.get(name) ?? []).some((w) => w.id < id && !w.refused);

/** @param {string} name @param {string} id */
function withdraw(name, id) {
  const others = (wanted.get(name) ?? []).filter((w) => w.id !== id);
  if (others.length) wanted.set(name, others);
  else wanted.delete(name);
}

/** @param {string} name */
function wake(name) {
  for (const w of wanted.get(name) ?? []) w.wake();
}

function listen() {
  const channel = new BroadcastChannel('parley.locks');
  channel.onmessage = ({ data: { type, name, id } }) => {
    if (type === 'free') wake(name);
    else if (type === 'want') {
      if (objects(name, id)) channel.postMessage({ type: 'no', name, id });
      else for (const w of wanted.get(name) ?? []) if (w.id > id) w.refused = true;
    } else for (const w of wanted.get(name) ?? []) if (w.id === id) w.refused = true;
  };
  return channel;
}
