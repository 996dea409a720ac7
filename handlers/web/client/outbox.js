// The messages that are not acknowledged yet. The SDK sends and stores them; this shows them to the pages.

import { lowLevel } from '/sdk.js';
import { http, locks, storageKey, tab } from './api.js';
import { getHistory, cachedHistory } from './history.js';
import { countMessage } from './rooms.js';
import { notify, state } from './store.js';
import { releasePreview } from './uploads.js';

/** @typedef {import('./types').Message} Message */

/** @type {import('../../../sdk/src/outbox.js').Outbox | null} */
let outbox = null;
const storage = lowLevel.defaultStorage();

/** Opens the outbox of a user, with what was not sent before. @param {number} user */
export function open(user) {
  const opened = new lowLevel.Outbox(http, storage, locks, {
    key: `${storageKey}.${user}`,
    tab,
    changed: () => opened === outbox && show(opened.all),
    stored: (m) => {
      const history = state.open?.id === m.room_id ? getHistory(m.room_id) : cachedHistory(m.room_id);
      history?.add(m);
      countMessage(m);
    },
  });
  outbox = opened;
}

/** @param {typeof state.unsent} all */
function show(all) {
  for (const { files } of state.unsent.filter((u) => !all.includes(u))) files.forEach(releasePreview);
  state.unsent = all;
  notify('unsent');
}

/** Closes it at the end of the session. The messages stay stored. */
export function close() {
  outbox?.close();
  outbox = null;
}

/** Deletes the stored messages of the user, at log-out. */
export const deleteStored = () => void outbox?.clear();

/** Sends everything now, without waiting for the next retry: the connection is back. */
export const wake = () => outbox?.wake();

/**
 * Sends a message as soon as possible.
 * @param {number} room @param {{ text: string, reply_to?: number, files: import('./types').Upload[] }} message
 */
export const sendMessage = (room, message) => outbox?.add(room, message);

/** Removes a message that the server has stored, as an event shows. @param {Message} m */
export const acknowledge = (m) => outbox?.acknowledge(m);

addEventListener('online', wake);
addEventListener('beforeunload', (event) => {
  if (state.unsent.some((u) => u.state === 'sending' && !u.isUploaded)) event.preventDefault();
});
