// Reading again what events only hint at. Many hints about the same thing are one request; a hint that comes while the
// request is under way is one more, so that the last answer is never older than the last hint.

import { isPassing, plain, Problem } from './api.js';
import { pause } from './dom.js';

/** @type {Map<string, { again: boolean }>} */
const running = new Map();
/** What could not be read, to be read when the server is back. @type {Map<string, () => Promise<void>>} */
const missed = new Map();
const [FIRST_TRY, LAST_TRY] = [2000, 60_000]; // milliseconds: a stream that survived the break does not report its end
let wait = FIRST_TRY;
/** @type {ReturnType<typeof setTimeout> | 0} */
let timer = 0;

/**
 * Runs f soon, once for all calls with the same name.
 * @param {string} name @param {() => Promise<void>} f @param {number} [gather] milliseconds in which calls gather
 */
export async function soon(name, f, gather = 60) {
  const task = running.get(name);
  if (task) {
    task.again = true;
    return;
  }
  const mine = { again: true };
  running.set(name, mine);
  try {
    while (mine.again) {
      await pause(gather);
      mine.again = false;
      await f();
    }
  } catch (err) {
    if (isPassing(err)) whenBack(name, f);
    else if (!(err instanceof Problem)) plain(err);
  } finally {
    running.delete(name);
  }
}

/** Runs f when the server is back, as reported by the stream or the browser, or shown by a try. @param {string} name @param {() => Promise<void>} f */
export function whenBack(name, f) {
  missed.set(name, f);
  timer ||= setTimeout(() => {
    wait = Math.min(LAST_TRY, wait * 2);
    readMissed();
  }, wait);
}

/** The server is back. */
export function isBack() {
  wait = FIRST_TRY;
  readMissed();
}

function readMissed() {
  const all = [...missed];
  forgetMissed();
  for (const [name, f] of all) void soon(name, f);
}

/** What was missed is nobody's any more. */
export function forgetMissed() {
  missed.clear();
  clearTimeout(timer);
  timer = 0;
}
