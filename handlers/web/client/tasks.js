// Reading again what events only hint at. Many hints about the same thing are one request; a hint that comes while the
// request is under way is one more, so that the last answer is never older than the last hint.

import { isTransient, describeError, Problem } from './api.js';
import { pause } from './dom.js';

/** @type {Map<string, { again: boolean }>} */
const running = new Map();
/** What could not be read, to be read when the server is back. @type {Map<string, () => Promise<void>>} */
const missed = new Map();
const [FIRST_RETRY, MAX_RETRY] = [2000, 60_000]; // milliseconds: a stream that outlived the break does not tell that it is over
let wait = FIRST_RETRY;
/** @type {ReturnType<typeof setTimeout> | 0} */
let timer = 0;

/**
 * Runs f soon, once for all calls with the same name.
 * @param {string} name @param {() => Promise<void>} f @param {number} [delay] milliseconds in which calls gather
 */
export async function runSoon(name, f, delay = 60) {
  const task = running.get(name);
  if (task) {
    task.again = true;
    return;
  }
  const mine = { again: true };
  running.set(name, mine);
  try {
    while (mine.again) {
      await pause(delay);
      mine.again = false;
      await f();
    }
  } catch (err) {
    if (isTransient(err)) runWhenBack(name, f);
    else if (!(err instanceof Problem)) describeError(err);
  } finally {
    running.delete(name);
  }
}

/** Runs f when the server is back, as the stream or the browser tells, or a try shows. @param {string} name @param {() => Promise<void>} f */
export function runWhenBack(name, f) {
  missed.set(name, f);
  timer ||= setTimeout(() => {
    wait = Math.min(MAX_RETRY, wait * 2);
    runMissed();
  }, wait);
}

/** The server is back. */
export function onServerBack() {
  wait = FIRST_RETRY;
  runMissed();
}

function runMissed() {
  const all = [...missed];
  clearMissed();
  for (const [name, f] of all) void runSoon(name, f);
}

/** What was missed is nobody's any more. */
export function clearMissed() {
  missed.clear();
  clearTimeout(timer);
  timer = 0;
}
