// The session. The refresh token is in a cookie that scripts cannot read; the access token is in this page's memory.
// All tabs of a browser share the cookie, and therefore the session.

import { call, http, locks, Problem } from './api.js';

/** @typedef {import('./types').Session} Session */

const SESSION_FLAG = 'parley.session'; // set when there may be a cookie: without it, no request is made
const RENEW_BEFORE = 60_000; // milliseconds before its expiry at which a token is renewed

let token = '';
let expires = 0;
let currentId = '';
/** @type {Promise<string> | null} */
let renewing = null;
const tabs = new BroadcastChannel('parley.session');

/** Hooks for the begin and the end of a session, set by main.js. */
export const on = {
  /** @param {Session} _session */ began(_session) {},
  /** @param {string} _reason */ ended(_reason) {},
  /** Another tab changed the profile. @param {import('./types').User} _user */ changed(_user) {},
};

http.token = async (fresh) => (!fresh && token && Date.now() < expires - RENEW_BEFORE ? token : renew());
http.ended = (reason) => endSession(reason);

/** @param {Session} session */
function storeToken(session) {
  token = session.access_token;
  expires = Date.now() + session.expires_in * 1000;
  localStorage.setItem(SESSION_FLAG, '1');
}

/** Renews the token, one tab after the other: a refresh token must not be used twice. */
function renew() {
  const stale = token;
  renewing ??= locks
    .hold('parley.refresh', () => refresh(stale))
    .finally(() => {
      renewing = null;
    });
  return renewing;
}

/** @param {string} stale */
async function refresh(stale) {
  if (token !== stale && Date.now() < expires - RENEW_BEFORE) return token; // another tab has renewed and shared it
  try {
    // keepalive, so that the browser stores the new cookie even if the page is closed: the old one is used up.
    const { data } = await call('POST', '/v1/sessions/refresh', {
      anonymous: true,
      keepalive: true,
      body: { cookie: true },
    });
    storeToken(data);
    tabs.postMessage({ type: 'token', session: data });
    if (currentId && currentId !== data.session_id) on.began(data);
    currentId = data.session_id;
    latestSession = data;
    return token;
  } catch (err) {
    if (err instanceof Problem && err.status === 401)
      endSession(err.code === 'session_revoked' ? 'session_revoked' : 'expired');
    throw err;
  }
}

/** @type {Session | null} */
let latestSession = null;

/** Resumes the session of the browser's cookie; null if there is none. */
export async function resumeSession() {
  if (!localStorage.getItem(SESSION_FLAG)) return null;
  try {
    await renew();
    return latestSession;
  } catch (err) {
    if (err instanceof Problem && err.status === 401) return null;
    throw err;
  }
}

/**
 * Logs in or signs up.
 * @param {'/v1/sessions' | '/v1/users'} path @param {Record<string, any>} body
 * @param {boolean} [asGuest] whether the logged-in guest is upgraded to the account
 */
export async function startSession(path, body, asGuest = false) {
  const { data } = await call('POST', path, { anonymous: !asGuest, body: { ...body, cookie: true } });
  storeToken(data);
  currentId = data.session_id;
  latestSession = data;
  tabs.postMessage({ type: 'began', session: data });
  on.began(data);
}

export async function logOut() {
  await call('DELETE', '/v1/sessions/current');
  endSession('log_out');
}

/** Sends the changed profile to the other tabs. @param {import('./types').User} user */
export function broadcastProfile(user) {
  tabs.postMessage({ type: 'profile', user });
}

/** Ends the session, here and in the other tabs. @param {string} reason */
export function endSession(reason) {
  if (!localStorage.getItem(SESSION_FLAG) && !token) return;
  tabs.postMessage({ type: 'ended', reason });
  clearSession(reason);
}

/** @param {string} reason */
function clearSession(reason) {
  token = '';
  expires = 0;
  currentId = '';
  latestSession = null;
  localStorage.removeItem(SESSION_FLAG);
  on.ended(reason);
}

tabs.onmessage = (/** @type {MessageEvent} */ { data }) => {
  if (data.type === 'ended') clearSession(data.reason);
  else if (data.type === 'profile') on.changed(data.user);
  else if (data.type === 'began') {
    storeToken(data.session);
    currentId = data.session.session_id;
    latestSession = data.session;
    on.began(data.session);
  } else if (data.type === 'token' && data.session.session_id === currentId) storeToken(data.session);
};
