// The unsent draft of each room. The text, and the message that it replies to or edits, are kept in the browser's
// storage for each account; files are not. A log-out deletes them.

import { state } from './store.js';

/** @typedef {import('./types').Message} Message */
/** @typedef {import('./types').Upload} Upload */
/**
 * A draft; before is the text that was being written when an edit began.
 * @typedef {{ text: string, reply: Message | null, edit: Message | null, before: string, uploads: Upload[] }} Draft
 */

const PREFIX = 'parley.draft.';
/** @type {Map<number, Draft>} */
const drafts = new Map();

/** @param {number} user */
const keyPrefix = (user) => `${PREFIX}${user}.`;

/** @param {number} room @returns {Draft} */
export function getDraft(room) {
  let draft = drafts.get(room);
  if (!draft) {
    draft = { text: '', reply: null, edit: null, before: '', uploads: [], ...readStored(room) };
    drafts.set(room, draft);
  }
  return draft;
}

/** Stores a draft. @param {number} room @param {Draft} draft */
export function saveDraft(room, { text, reply, edit, before }) {
  if (!state.me) return;
  const key = keyPrefix(state.me.id) + room;
  try {
    if (text || reply || edit)
      localStorage.setItem(
        key,
        JSON.stringify({ text, before, reply: reply && toStored(reply), edit: edit && toStored(edit) }),
      );
    else localStorage.removeItem(key);
  } catch {
    // The storage is full or disabled; the draft is still in memory.
  }
}

/** The fields of a message that the banner and an edit need. @param {Message} m */
const toStored = ({ id, room_id, sender, text, files }) => ({
  id,
  room_id,
  sender,
  text,
  files: files.map(({ name }) => ({ name })),
  reactions: [],
});

/** @param {number} room @returns {Partial<Draft>} */
function readStored(room) {
  try {
    return JSON.parse(localStorage.getItem(keyPrefix(state.me?.id ?? 0) + room) ?? '{}');
  } catch {
    return {}; // the storage is disabled, or its content is invalid
  }
}

/** Clears the drafts in memory; the storage keeps them for the account. */
export function forgetDrafts() {
  drafts.clear();
}

/** Deletes the user's drafts from the storage, at log-out. */
export function clearDrafts() {
  if (!state.me) return;
  const prefix = keyPrefix(state.me.id);
  for (const key of Object.keys(localStorage)) if (key.startsWith(prefix)) localStorage.removeItem(key);
}
