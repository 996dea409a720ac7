// The outbox: messages that are not acknowledged yet. Each has an idempotency key, so that a retry does not store it
// twice. The messages of a room are sent one after the other, in the order in which they were written; a message that
// waits for its files does not delay the others. Unacknowledged messages survive the tab (unsent-storage.js).

import { call, newKey, describeError, Problem, Unreachable } from './api.js';
import { pause } from './dom.js';
import { getHistory, cachedHistory } from './history.js';
import { countMessage } from './rooms.js';
import * as storage from './unsent-storage.js';
import { notify, state } from './store.js';
import { releasePreview } from './uploads.js';

/** @typedef {import('./types').Unsent} Unsent */
/** @typedef {import('./types').Message} Message */

const KEY_LIFETIME = 23 * 60 * 60_000; // an hour less than the server keeps Idempotency-Keys
/** The rooms whose messages are being sent. @type {Map<number, { wake: () => void }>} */
const sending = new Map();

/**
 * Adds a message to the outbox, and sends it as soon as possible.
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

/** Sends a failed message again, with the same key. @param {string} clientId */
export function resend(clientId) {
  const entry = state.unsent.find((u) => u.client_id === clientId);
  if (!entry) return;
  entry.state = 'pending';
  entry.error = undefined;
  save();
  void flush(entry.room);
}

/** Removes a message without sending it. @param {string} clientId */
export function discard(clientId) {
  const entry = state.unsent.find((u) => u.client_id === clientId);
  if (!entry) return;
  entry.uploads.forEach(releasePreview);
  removeEntry(clientId);
}

/** Removes a message that the server has stored, as a response or an event shows. @param {Message} m */
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

/** Sends all messages now, without waiting for the next retry: the connection is back. */
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

/** @param {Unsent} entry @returns {Promise<boolean>} whether it was stored or refused; false means try again */
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
  // File objects cannot be stored, but a message whose files are uploaded can.
  storage.store(
    state.me.id,
    state.unsent
      .filter((u) => u.uploads.every((f) => f.state === 'done'))
      .map((u) => ({ ...u, uploads: [], file_ids: u.file_ids ?? u.uploads.map((f) => f.id ?? '') })),
  );
}

/** Adds the messages that the user wrote in this browser before and that were not sent. @param {AbortSignal} signal */
export function restore(signal) {
  if (!state.me) return;
  storage.takeOver(
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

/**
 * The server may have forgotten the key of an old message, so that sending it could store it twice: the user decides.
 * @param {Unsent} u @returns {Unsent}
 */
const failIfExpired = (u) =>
  Date.now() - Date.parse(u.at) < KEY_LIFETIME ? u : { ...u, state: 'failed', error: 'It is more than a day old.' };

/** Deletes the user's stored messages, at log-out. */
export function deleteStored() {
  if (state.me) storage.clear(state.me.id);
}

addEventListener('online', flushAll);
addEventListener('beforeunload', (event) => {
  if (state.unsent.some((u) => u.state === 'pending' && u.uploads.some((f) => f.state !== 'done')))
    event.preventDefault();
});
