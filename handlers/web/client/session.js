// Who is logged in. The refresh token is in a cookie that no script sees; the access token is in this page's memory.
// All tabs of a browser share the cookie, and so the session.

import { access, call, Problem } from './api.js';
import { alone } from './locks.js';

/** @typedef {import('./types').Session} Session */

const FLAG = 'parley.session'; // that there is a cookie to try; a browser that never logged in asks for nothing
const EARLY = 60_000; // how long before its end a token is replaced

let token = '';
let expires = 0;
let current = '';
/** @type {Promise<string> | null} */
let renewing = null;
const tabs = new BroadcastChannel('parley.session');

/** What the page does when a session begins and ends; main.js says. */
export const on = {
  /** @param {Session} _session */ began(_session) {},
  /** @param {string} _reason */ ended(_reason) {},
  /** Another tab changed the profile. @param {import('./types').User} _user */ changed(_user) {},
};

access.token = async (fresh) => (!fresh && token && Date.now() < expires - EARLY ? token : renew());
access.ended = (reason) => end(reason);

/** @param {Session} session */
function keep(session) {
  token = session.access_token;
  expires = Date.now() + session.expires_in * 1000;
  localStorage.setItem(FLAG, '1');
}

/** One tab after the other: two must not spend the same refresh token. */
function renew() {
  const stale = token;
  renewing ??= alone('parley.refresh', () => refresh(stale)).finally(() => { renewing = null; });
  return renewing;
}

/** @param {string} stale */
async function refresh(stale) {
  if (token !== stale && Date.now() < expires - EARLY) return token; // another tab was first, and shared it
  try {
    // keepalive, so that the new cookie is kept even when the page goes away meanwhile: the old one is spent.
    const { data } = await call('POST', '/v1/sessions/refresh', { open: true, keepalive: true, body: { cookie: true } });
    keep(data);
    tabs.postMessage({ type: 'token', session: data });
    if (current && current !== data.session_id) on.began(data);
    current = data.session_id;
    latest = data;
    return token;
  } catch (err) {
    if (err instanceof Problem && err.status === 401) end(err.code === 'session_revoked' ? 'session_revoked' : 'expired');
    throw err;
  }
}

/** @type {Session | null} */
let latest = null;

/** The session that the browser has from before, or null. */
export async function resume() {
  if (!localStorage.getItem(FLAG)) return null;
  try {
    await renew();
    return latest;
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
export async function enter(path, body, asGuest = false) {
  const { data } = await call('POST', path, { open: !asGuest, body: { ...body, cookie: true } });
  keep(data);
  current = data.session_id;
  latest = data;
  tabs.postMessage({ type: 'began', session: data });
  on.began(data);
}

export async function logOut() {
  await call('DELETE', '/v1/sessions/current');
  end('log_out');
}

/** Notifies the other tabs that the profile was changed here. @param {import('./types').User} user */
export function tellProfile(user) {
  tabs.postMessage({ type: 'profile', user });
}

/** The session is over, here and in the other tabs. @param {string} reason */
export function end(reason) {
  if (!localStorage.getItem(FLAG) && !token) return;
  tabs.postMessage({ type: 'ended', reason });
  forget(reason);
}

/** @param {string} reason */
function forget(reason) {
  token = '';
  expires = 0;
  current = '';
  latest = null;
  localStorage.removeItem(FLAG);
  on.ended(reason);
}

tabs.onmessage = (/** @type {MessageEvent} */ { data }) => {
  if (data.type === 'ended') forget(data.reason);
  else if (data.type === 'profile') on.changed(data.user);
  else if (data.type === 'began') {
    keep(data.session);
    current = data.session.session_id;
    latest = data.session;
    on.began(data.session);
  } else if (data.type === 'token' && data.session.session_id === current) keep(data.session);
};
