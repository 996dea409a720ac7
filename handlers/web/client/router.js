// The fragment of the page's URL: the open room, and the message to show.

import { whenHistorySynced } from './layers.js';

/** @typedef {{ room: number, message: number, invite: string }} Route */

/** @returns {Route} */
export function currentRoute() {
  const [kind, id, message] = location.hash.replace(/^#\//, '').split('/');
  if (kind === 'invite' && id) return { room: 0, message: 0, invite: decodeURIComponent(id) };
  return {
    room: kind === 'rooms' ? Number(id) || 0 : 0,
    message: kind === 'rooms' ? Number(message) || 0 : 0,
    invite: '',
  };
}

/** @param {number} room @param {number} [message] */
export const roomHash = (room, message) => `#/rooms/${room}${message ? `/${message}` : ''}`;

/** @param {number} room @param {number} [message] */
export function navigate(room, message) {
  const to = room ? roomHash(room, message) : '#/';
  whenHistorySynced(() => {
    if (location.hash === to)
      dispatchEvent(new HashChangeEvent('hashchange')); // again to the same message
    else location.hash = to;
  });
}

/** Changes the URL without a new entry in the history. @param {number} room */
export function replaceRoute(room) {
  history.replaceState(history.state, '', room ? roomHash(room) : '#/');
}
