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
const shelvesOf = (user) => `${PREFIX}${user}.`;

/** Puts these on this tab's shelf, in the place of what was there. @param {number} user @param {Unsent[]} messages */
export function keep(user, messages) {
  try {
    if (messages.length) localStorage.setItem(shelvesOf(user) + tab, JSON.stringify(messages));
    else localStorage.removeItem(shelvesOf(user) + tab);
  } catch {
    // A full storage keeps nothing; the messages are still in the page.
  }
}

/** Clears all shelves of a user. @param {number} user */
export function clear(user) {
  for (const shelf of allOf(user)) localStorage.removeItem(shelf);
}

/** @param {number} user */
const allOf = (user) => Object.keys(localStorage).filter((key) => key.startsWith(shelvesOf(user)));

/**
 * Takes what this tab has on its shelf, and what closed tabs have on theirs, now and until the signal aborts.
 * @param {number} user @param {(messages: Unsent[]) => void} take puts them on this tab's shelf @param {AbortSignal} signal
 */
export function takeOver(user, take, signal) {
  const own = shelvesOf(user) + tab;
  /** @param {string} shelf */
  const empty = (shelf) => {
    const text = localStorage.getItem(shelf);
    if (!text) return;
    take(JSON.parse(text));
    if (shelf !== own) localStorage.removeItem(shelf);
  };
  /** @param {string} shelf */
  const wait = (shelf) => navigator.locks.request(PREFIX + shelf.slice(shelvesOf(user).length), { signal }, () => empty(shelf)).catch(() => {});
  /** @type {Set<string>} */
  const known = new Set([own]);
  empty(own);
  for (const shelf of allOf(user)) see(shelf);
  if (navigator.locks) addEventListener('storage', ({ key, newValue }) => { if (newValue && key?.startsWith(shelvesOf(user))) see(key); }, { signal });

  /** @param {string} shelf */
  function see(shelf) {
    if (known.has(shelf)) return;
    known.add(shelf);
    if (navigator.locks) void wait(shelf);
    else empty(shelf);
  }
}
