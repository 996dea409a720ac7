// The session, which the SDK keeps and renews for all tabs. The refresh token is in a cookie that scripts cannot read;
// the access token is in this page's memory.

import { lowLevel } from '/sdk.js';
import { call, http, locks, storageKey } from './api.js';

/** @typedef {import('./types').Session} Session */

/** Hooks for the begin and the end of a session, here or in another tab; set by main.js. */
export const on = {
  /** @param {Session} _session */ began(_session) {},
  /** @param {string} _reason */ ended(_reason) {},
  /** Another tab changed the profile. @param {import('./types').User} _user */ changed(_user) {},
};

const session = new lowLevel.Session(http, lowLevel.defaultStorage(), locks, {
  key: storageKey,
  cookie: true,
  share: true,
});
let isOpen = false;
http.session = () => session.id;
http.token = (fresh, id) => session.token(fresh, id);
http.ended = (reason, id) => void session.end(reason, id);
session.changed.add((now, reason) => {
  isOpen = Boolean(now);
  if (now) on.began(now);
  else on.ended(reason);
});

/** Resumes the session of the browser's cookie. @returns {Promise<boolean>} whether there is one */
export async function resumeSession() {
  await session.resume();
  return isOpen;
}

/**
 * Logs in or signs up.
 * @param {'/v1/sessions' | '/v1/users'} path @param {Record<string, any>} body
 * @param {boolean} [asGuest] whether the logged-in guest is upgraded to the account
 */
export const startSession = (path, body, asGuest) => session.begin(path, body, asGuest);

export async function logOut() {
  await call('DELETE', '/v1/sessions/current');
  await session.end('log_out');
}

/** Ends the session, here and in the other tabs. @param {string} reason */
export const endSession = (reason) => session.end(reason);

const profiles = new BroadcastChannel(`${storageKey}.profile`);
profiles.onmessage = (/** @type {MessageEvent} */ { data }) => on.changed(data);

/** Sends the changed profile to the other tabs. @param {import('./types').User} user */
export const broadcastProfile = (user) => profiles.postMessage(user);
