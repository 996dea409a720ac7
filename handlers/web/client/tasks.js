// Reading again what events only hint at. Many hints about the same thing are one request; a hint that comes while the
// request is under way is one more, so that the last answer is never older than the last hint.

import { Unreachable, Problem, plain } from './api.js';
import { pause } from './dom.js';

/** @type {Map<string, { again: boolean }>} */
const running = new Map();
/** What could not be read, to be read when the server is back. @type {Map<string, () => Promise<void>>} */
const missed = new Map();

/**
 * Runs f soon, once for all calls with the same name.
 * @param {string} name @param {() => Promise<void>} f @param {number} [wait] milliseconds in which calls gather
 */
export async function soon(name, f, wait = 60) {
  const task = running.get(name);
  if (task) {
    task.again = true;
    return;
  }
  const mine = { again: true };
  running.set(name, mine);
  try {
    while (mine.again) {
      await pause(wait);
      mine.again = false;
      await f();
    }
  } catch (err) {
    if (err instanceof Unreachable || err instanceof Problem && err.passing) missed.set(name, f);
    else if (!(err instanceof Problem)) plain(err);
  } finally {
    running.delete(name);
  }
}

/** The server is back. */
export function readMissed() {
  const all = [...missed];
  missed.clear();
  for (const [name, f] of all) void soon(name, f);
}
