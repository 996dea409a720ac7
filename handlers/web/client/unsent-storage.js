// Stores unacknowledged messages so that they survive their tab: one key per tab in the browser's storage. When a tab
// is closed, another tab of the same user takes over its messages: an open one, or the next that is opened. Locks show
// which tabs are open. A page without locks (they need a secure context) takes over all messages when it is opened; if
// the other tab is still open, both send the same messages with the same idempotency keys, and the server stores them
// once.

import { newKey } from './api.js';

/** @typedef {import('./types').Unsent} Unsent */

const PREFIX = 'parley.unsent.';
const tab = newKey();
if (navigator.locks) void navigator.locks.request(PREFIX + tab, () => new Promise(() => {}));

/** @param {number} user */
const keyPrefix = (user) => `${PREFIX}${user}.`;

/** Replaces the stored messages of this tab. @param {number} user @param {Unsent[]} messages */
export function store(user, messages) {
  try {
    if (messages.length) localStorage.setItem(keyPrefix(user) + tab, JSON.stringify(messages));
    else localStorage.removeItem(keyPrefix(user) + tab);
  } catch {
    // The storage is full or disabled; the messages are still in memory.
  }
}

/** Deletes the stored messages of a user, of all tabs. @param {number} user */
export function clear(user) {
  for (const key of keysOf(user)) localStorage.removeItem(key);
}

/** @param {number} user */
const keysOf = (user) => Object.keys(localStorage).filter((key) => key.startsWith(keyPrefix(user)));

/**
 * Takes the stored messages of this tab and of closed tabs, now and until the signal aborts.
 * @param {number} user @param {(messages: Unsent[]) => void} take stores them for this tab @param {AbortSignal} signal
 */
export function takeOver(user, take, signal) {
  const own = keyPrefix(user) + tab;
  /** @param {string} key */
  const takeKey = (key) => {
    const text = localStorage.getItem(key);
    if (!text) return;
    take(JSON.parse(text));
    if (key !== own) localStorage.removeItem(key);
  };
  /** @param {string} key */
  const takeWhenGone = (key) =>
    navigator.locks.request(PREFIX + key.slice(keyPrefix(user).length), { signal }, () => takeKey(key)).catch(() => {});
  /** @type {Set<string>} */
  const known = new Set([own]);
  takeKey(own);
  for (const key of keysOf(user)) watchKey(key);
  if (navigator.locks)
    addEventListener(
      'storage',
      ({ key, newValue }) => {
        if (newValue && key?.startsWith(keyPrefix(user))) watchKey(key);
      },
      { signal },
    );

  /** @param {string} key */
  function watchKey(key) {
    if (known.has(key)) return;
    known.add(key);
    if (navigator.locks) void takeWhenGone(key);
    else takeKey(key);
  }
}
