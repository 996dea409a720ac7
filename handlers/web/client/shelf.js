// Where messages that are not acknowledged outlive their tab: a shelf for each tab in the browser's storage. When the tab is
// gone, another one of the same user takes over what is there: one that is open, or the next that opens. Locks tell which
// tabs are alive. A page that has none (they need HTTPS) takes over what it finds when it opens; should the other tab be
// alive, both send the same messages with the same keys, and the server stores them once.

import { newKey } from './api.js';

/** @typedef {import('./types').Unsent} Unsent */

const PREFIX = 'parley.unsent.';
const tab = newKey();
if (navigator.locks) void navigator.locks.request(PREFIX + tab, () => new Promise(() => {}));

/** @param {number} user */
const keyPrefix = (user) => `${PREFIX}${user}.`;

/** Puts these on this tab's shelf, in the place of what was there. @param {number} user @param {Unsent[]} messages */
export function store(user, messages) {
  try {
    if (messages.length) localStorage.setItem(keyPrefix(user) + tab, JSON.stringify(messages));
    else localStorage.removeItem(keyPrefix(user) + tab);
  } catch {
    // A full storage keeps nothing; the messages are still in the page.
  }
}

/** Clears all shelves of a user. @param {number} user */
export function clear(user) {
  for (const shelf of keysOf(user)) localStorage.removeItem(shelf);
}

/** @param {number} user */
const keysOf = (user) => Object.keys(localStorage).filter((key) => key.startsWith(keyPrefix(user)));

/**
 * Takes what this tab has on its shelf, and whatever tabs that are gone have on theirs, now and until the signal aborts.
 * @param {number} user @param {(messages: Unsent[]) => void} take puts them on this tab's shelf @param {AbortSignal} signal
 */
export function takeOver(user, take, signal) {
  const own = keyPrefix(user) + tab;
  /** @param {string} shelf */
  const takeKey = (shelf) => {
    const text = localStorage.getItem(shelf);
    if (!text) return;
    take(JSON.parse(text));
    if (shelf !== own) localStorage.removeItem(shelf);
  };
  /** @param {string} shelf */
  const takeWhenGone = (shelf) =>
    navigator.locks
      .request(PREFIX + shelf.slice(keyPrefix(user).length), { signal }, () => takeKey(shelf))
      .catch(() => {});
  /** @type {Set<string>} */
  const known = new Set([own]);
  takeKey(own);
  for (const shelf of keysOf(user)) watchKey(shelf);
  if (navigator.locks)
    addEventListener(
      'storage',
      ({ key, newValue }) => {
        if (newValue && key?.startsWith(keyPrefix(user))) watchKey(key);
      },
      { signal },
    );

  /** @param {string} shelf */
  function watchKey(shelf) {
    if (known.has(shelf)) return;
    known.add(shelf);
    if (navigator.locks) void takeWhenGone(shelf);
    else takeKey(shelf);
  }
}
