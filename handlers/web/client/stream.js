// The event stream, which the SDK shares among all tabs of the user.

import { lowLevel } from '/sdk.js';
import { http, locks, storageKey, tab } from './api.js';

/** Hooks, set by main.js. */
export const on = {
  /** @param {string} _name @param {any} _data */ event(_name, _data) {},
  /** @param {'connecting' | 'open'} _state */ state(_state) {},
  /** The stream is present in the room: its messages arrive from now on. @param {number} _room */ entered(_room) {},
};

/** @type {import('../../../sdk/src/share.js').SharedStream | null} */
let stream = null;
/** @type {number | null} */
let room = null;

/** Joins the stream of a user. Events from now on are kept until start. @param {number} user */
export async function join(user) {
  stream = new lowLevel.SharedStream(http, locks, `${storageKey}.${user}`, tab, true);
  stream.event.add((name, data) => on.event(name, data));
  stream.state.add((isOpen) => on.state(isOpen ? 'open' : 'connecting'));
  stream.entered.add((id) => on.entered(id));
  await stream.joined;
}

/** The state has been read: applies the events that were kept, and continues the stream after the cursor. */
export const start = (/** @type {string} */ cursor) => stream?.release(cursor);

/** Keeps events back while the state is read again. */
export const holdEvents = () => stream?.hold();

export function stop() {
  stream?.close();
  stream = null;
  room = null;
  on.state('connecting');
}

/** Sets the room that this tab shows, if any. @param {number | null} id */
export function setRoom(id) {
  if (room === id) return;
  room = id;
  stream?.setRooms(id ? [id] : []);
}

/** The user has joined a room. If they had left it, the server took the stream out of it. @param {number} id */
export const enterAgain = (id) => stream?.enterAgain(id);

addEventListener('online', () => stream?.wake(true));
document.addEventListener('visibilitychange', () => document.hidden || stream?.wake());
addEventListener('pagehide', stop); // so that another tab leads at once
addEventListener('pageshow', (e) => {
  if (e.persisted) location.reload();
});
