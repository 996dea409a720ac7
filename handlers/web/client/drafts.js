// What was begun in each room and not sent. The text, and which message it answers or changes, outlive the page in the
// browser's storage, for each account; files do not. A log-out leaves nothing behind.

import { state } from './store.js';

/** @typedef {import('./types').Message} Message */
/** @typedef {import('./types').Upload} Upload */
/** @typedef {{ text: string, reply: Message | null, edit: Message | null, before: string, uploads: Upload[] }} Draft before is the text that an edit interrupted */

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

/** Keeps a draft as it is now. @param {number} room @param {Draft} draft */
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
    // A full storage keeps nothing; the draft is still in the page.
  }
}

/** As much of a message as its banner and an edit need. @param {Message} m */
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
    return {}; // the storage is closed, or holds what nobody here wrote
  }
}

/** Forgets what the page knows; the storage keeps it for the account. */
export function forgetDrafts() {
  drafts.clear();
}

/** The user goes, and leaves nothing behind. */
export function clearDrafts() {
  if (!state.me) return;
  const prefix = keyPrefix(state.me.id);
  for (const key of Object.keys(localStorage)) if (key.startsWith(prefix)) localStorage.removeItem(key);
}
