// Who is logged in. The refresh token is in a cookie that no script sees; the access token is in this page's memory.
// All tabs of a browser share the cookie, and so the session.

import { access, call, Problem } from './api.js';
import { withLock } from './locks.js';

/** @typedef {import('./types').Session} Session */

const SESSION_FLAG = 'parley.session'; // that there is a cookie to try; a browser that never logged in asks for nothing
const RENEW_BEFORE = 60_000; // how long before its end a token is replaced

let token = '';
let expires = 0;
let currentId = '';
/** @type {Promise<string> | null} */
let renewing = null;
const tabs = new BroadcastChannel('parley.session');

/** What the page does when a session begins and ends; main.js says. */
export const on = {
  /** @param {Session} _session */ began(_session) {},
  /** @param {string} _reason */ ended(_reason) {},
  /** Another tab changed the profile. @param {import('./types').User} _user */ changed(_user) {},
};

access.token = async (fresh) => (!fresh && token && Date.now() < expires - RENEW_BEFORE ? token : renew());
access.ended = (reason) => endSession(reason);

/** @param {Session} session */
function storeToken(session) {
  token = session.access_token;
  expires = Date.now() + session.expires_in * 1000;
  localStorage.setItem(SESSION_FLAG, '1');
}

/** One tab after the other: two must not spend the same refresh token. */
function renew() {
  const stale = token;
  renewing ??= withLock('parley.refresh', () => refresh(stale)).finally(() => {
    renewing = null;
  });
  return renewing;
}

/** @param {string} stale */
async function refresh(stale) {
  if (token !== stale && Date.now() < expires - RENEW_BEFORE) return token; // another tab was first, and shared it
  try {
    // keepalive, so that the new cookie is kept even when the page goes away meanwhile: the old one is spent.
    const { data } = await call('POST', '/v1/sessions/refresh', {
      open: true,
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

/** The session that the browser has from before, or null. */
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
 * Logs in or signs up, by what the body says.
 * @param {'/v1/sessions' | '/v1/users'} path @param {Record<string, any>} body
 * @param {boolean} [asGuest] the guest who is logged in becomes the account
 */
export async function startSession(path, body, asGuest = false) {
  const { data } = await call('POST', path, { open: !asGuest, body: { ...body, cookie: true } });
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

/** Tells the other tabs that the profile was changed here. @param {import('./types').User} user */
export function broadcastProfile(user) {
  tabs.postMessage({ type: 'profile', user });
}

/** The session is over, here and in the other tabs. @param {string} reason */
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
