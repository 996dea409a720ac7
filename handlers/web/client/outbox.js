// Messages on their way out. Each has a key: sent again, it is stored once. They go out one after the other in each room,
// in the order in which they were written; one that waits for its files does not hold up the others. What is not
// acknowledged outlives its tab (shelf.js).

import { call, newKey, describeError, Problem, Unreachable } from './api.js';
import { pause } from './dom.js';
import { getHistory, cachedHistory } from './history.js';
import { countMessage } from './rooms.js';
import * as shelf from './shelf.js';
import { notify, state } from './store.js';
import { releasePreview } from './uploads.js';

/** @typedef {import('./types').Unsent} Unsent */
/** @typedef {import('./types').Message} Message */

const KEY_LIFETIME = 23 * 60 * 60_000; // an hour less than the server keeps Idempotency-Keys
/** The rooms whose messages are going out at the moment. @type {Map<number, { wake: () => void }>} */
const sending = new Map();

/**
 * Takes a message, shows it, and sends it as soon as that can be done.
 * @param {number} room @param {{ text: string, reply_to?: number, uploads: import('./types').Upload[] }} message
 */
export function sendMessage(room, { text, reply_to, uploads }) {
  state.unsent.push({
    client_id: newKey(),
    room,
    text,
    reply_to,
    uploads,
    at: new Date().toISOString(),
    state: 'pending',
  });
  save();
  void flush(room);
}

/** Sends a refused message again, with the same key. @param {string} clientId */
export function resend(clientId) {
  const entry = state.unsent.find((u) => u.client_id === clientId);
  if (!entry) return;
  entry.state = 'pending';
  entry.error = undefined;
  save();
  void flush(entry.room);
}

/** Gives a message up. @param {string} clientId */
export function discard(clientId) {
  const entry = state.unsent.find((u) => u.client_id === clientId);
  if (!entry) return;
  entry.uploads.forEach(releasePreview);
  removeEntry(clientId);
}

/** The server has it: it came with an answer, or as an event. @param {Message} m */
export function acknowledge(m) {
  const entry = state.unsent.find((u) => u.client_id === m.client_id && u.room === m.room_id);
  if (!entry) return;
  entry.uploads.forEach(releasePreview);
  removeEntry(entry.client_id);
}

/** @param {string} clientId */
function removeEntry(clientId) {
  state.unsent = state.unsent.filter((u) => u.client_id !== clientId);
  save();
}

/** Tries again now: the connection is back. */
export function flushAll() {
  for (const { wake } of sending.values()) wake();
  for (const room of new Set(state.unsent.map((u) => u.room))) void flush(room);
}

/** @param {number} room */
export async function flush(room) {
  if (sending.has(room)) return;
  const loop = { wake: () => {} };
  sending.set(room, loop);
  let tries = 0;
  try {
    for (;;) {
      const entry = state.unsent.find(
        (u) => u.room === room && u.state === 'pending' && u.uploads.every((f) => f.state === 'done'),
      );
      if (!entry || !state.me) break;
      if (await trySend(entry)) tries = 0;
      else {
        const wait = Math.min(15_000, 500 * 2 ** tries++);
        await Promise.race([
          pause(wait),
          new Promise((resolve) => {
            loop.wake = () => resolve(undefined);
          }),
        ]);
      }
    }
  } finally {
    sending.delete(room);
  }
}

/** @param {Unsent} entry @returns {Promise<boolean>} whether it is settled, one way or the other */
async function trySend(entry) {
  try {
    const { data } = await call('POST', `/v1/rooms/${entry.room}/messages`, {
      key: entry.client_id,
      body: requestBody(entry),
    });
    const history = state.open?.id === entry.room ? getHistory(entry.room) : cachedHistory(entry.room);
    acknowledge(data);
    history?.add(data);
    countMessage(data);
    return true;
  } catch (err) {
    if (err instanceof Unreachable || (err instanceof Problem && (err.isTransient || err.status === 401))) return false;
    entry.state = 'failed';
    entry.error = describeError(err);
    save();
    return true;
  }
}

/** @param {Unsent} entry */
function requestBody(entry) {
  const ids = entry.file_ids ?? entry.uploads.map((u) => u.id);
  /** @type {Record<string, any>} */
  const body = { client_id: entry.client_id };
  if (entry.text) body.text = entry.text;
  if (entry.reply_to) body.reply_to = entry.reply_to;
  if (ids.length) {
    body.file_ids = ids;
    body.type = entry.uploads.length && entry.uploads.every((u) => u.info?.width) ? 'image' : 'file';
  }
  return body;
}

function save() {
  notify('unsent');
  if (!state.me) return;
  // Files cannot be kept; a message whose files are uploaded can.
  shelf.store(
    state.me.id,
    state.unsent
      .filter((u) => u.uploads.every((f) => f.state === 'done'))
      .map((u) => ({ ...u, uploads: [], file_ids: u.file_ids ?? u.uploads.map((f) => f.id ?? '') })),
  );
}

/** Takes up what the user wrote before in this browser, and was not sent. @param {AbortSignal} signal */
export function restore(signal) {
  if (!state.me) return;
  shelf.takeOver(
    state.me.id,
    (messages) => {
      const known = new Set(state.unsent.map((u) => u.client_id));
      state.unsent = [...messages.filter((u) => !known.has(u.client_id)).map(failIfExpired), ...state.unsent].sort(
        (a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0),
      );
      save();
      flushAll();
    },
    signal,
  );
}

/** One that is older than the server's memory of keys could be stored twice: its writer decides. @param {Unsent} u @returns {Unsent} */
const failIfExpired = (u) =>
  Date.now() - Date.parse(u.at) < KEY_LIFETIME ? u : { ...u, state: 'failed', error: 'It has waited for a day.' };

/** The user goes, and leaves nothing behind. */
export function deleteStored() {
  if (state.me) shelf.clear(state.me.id);
}

addEventListener('online', flushAll);
addEventListener('beforeunload', (event) => {
  if (state.unsent.some((u) => u.state === 'pending' && u.uploads.some((f) => f.state !== 'done')))
    event.preventDefault();
});
