// Runs tasks that read state again after events. Calls with the same name are coalesced into one run; a call during a
// run causes one more, so that the last response is never older than the last call.

import { isTransient, describeError, Problem } from './api.js';
import { pause } from './dom.js';

/** @type {Map<string, { again: boolean }>} */
const running = new Map();
/** Failed tasks, to run again when the server is back. @type {Map<string, () => Promise<void>>} */
const missed = new Map();
const [FIRST_RETRY, MAX_RETRY] = [2000, 60_000]; // milliseconds; a stream that survived does not report the server
let wait = FIRST_RETRY;
/** @type {ReturnType<typeof setTimeout> | 0} */
let timer = 0;

/**
 * Runs f after a delay, once for all calls with the same name.
 * @param {string} name @param {() => Promise<void>} f @param {number} [delay] milliseconds in which calls are coalesced
 */
export async function runSoon(name, f, delay = 60) {
  const task = running.get(name);
  if (task) {
    task.again = true;
    return;
  }
  const newTask = { again: true };
  running.set(name, newTask);
  try {
    while (newTask.again) {
      await pause(delay);
      newTask.again = false;
      await f();
    }
  } catch (err) {
    if (isTransient(err)) runWhenBack(name, f);
    else if (!(err instanceof Problem)) describeError(err);
  } finally {
    running.delete(name);
  }
}

/**
 * Runs f when the server is back, or after a while to find out whether it is.
 * @param {string} name @param {() => Promise<void>} f
 */
export function runWhenBack(name, f) {
  missed.set(name, f);
  timer ||= setTimeout(() => {
    wait = Math.min(MAX_RETRY, wait * 2);
    runMissed();
  }, wait);
}

/** Runs the failed tasks: the server is back. */
export function onServerBack() {
  wait = FIRST_RETRY;
  runMissed();
}

function runMissed() {
  const all = [...missed];
  clearMissed();
  for (const [name, f] of all) void runSoon(name, f);
}

/** Drops the failed tasks. */
export function clearMissed() {
  missed.clear();
  clearTimeout(timer);
  timer = 0;
}
