// What went wrong, in words for the visitor, and as a code for the page.

import { isTransient, Problem, Unreachable } from '../sdk.js';
import { fill } from './texts.js';

/** @typedef {import('./texts.js').Texts} Texts */
/** @typedef {{ code: string, message: string, error?: unknown, isTransient: boolean }} Trouble */

const POLICY_EVENT = 100; // milliseconds

/** The servers that the page's policy has kept it from. @type {Set<string>} */
const forbidden = new Set();
if (typeof document === 'object')
  document.addEventListener('securitypolicyviolation', ({ blockedURI, effectiveDirective }) => {
    if (effectiveDirective === 'connect-src' && URL.canParse(blockedURI)) forbidden.add(new URL(blockedURI).origin);
  });

/** @type {Record<string, keyof Texts>} */
const TEXT_OF = {
  not_found: 'notFound',
  banned: 'banned',
  blocked: 'blocked',
  username_taken: 'nameTaken',
  rate_limited: 'tooMany',
};

/**
 * @param {unknown} error @param {Texts} texts @param {{ server: string, room?: string }} about
 * @returns {Promise<Trouble>}
 */
export async function explain(error, texts, { server, room = '' }) {
  const values = { server, room, origin: globalThis.location?.origin ?? '' };
  /** @param {string} code @param {keyof Texts} text */
  const trouble = (code, text, isLasting = !isTransient(error)) => ({
    code,
    message: fill(texts[text], values),
    error,
    isTransient: !isLasting,
  });
  if (error instanceof Unreachable && !error.cause) {
    const code = await whyUnreachable(error, server);
    return trouble(code, code, code !== 'unreachable');
  }
  if (!(error instanceof Problem)) return trouble('token', 'notLoggedIn'); // of the page's own function
  if (error.status === 401) return trouble(error.code, 'notLoggedIn');
  if (error.code === 'not_found' && room.startsWith('@')) return trouble(error.code, 'userNotFound');
  if (Object.hasOwn(TEXT_OF, error.code)) return trouble(error.code, TEXT_OF[error.code]);
  if (error.isTransient) return trouble(error.code || 'unavailable', 'unavailable');
  const isName = error.errors[0]?.field === 'username';
  const message = isName ? `${texts.username} ${error.errors[0].message}.` : error.message;
  return { code: error.code, message, error, isTransient: false };
}

/**
 * Whether to try again is of no use, until somebody changes the page or the server.
 * @param {Error} error @param {string} server
 */
export const isLasting = async (error, server) =>
  error instanceof Unreachable && (await whyUnreachable(error, server)) !== 'unreachable';

/** @typedef {'unreachable' | 'origin' | 'policy'} Reason */

/** All elements of a page that show the same error ask once. @type {WeakMap<Error, Promise<Reason>>} */
const reasons = new WeakMap();

/** @param {Error} error @param {string} server */
function whyUnreachable(error, server) {
  const reason = reasons.get(error) ?? askWhy(server);
  reasons.set(error, reason);
  return reason;
}

/**
 * A browser does not tell a script whether a server is away, does not accept the page, or is forbidden by the page. But
 * every page may read this module's own file.
 * @param {string} server @returns {Promise<Reason>}
 */
async function askWhy(server) {
  const { origin } = new URL(server);
  if (origin === location.origin) return 'unreachable';
  try {
    const { ok } = await fetch(`${server}/embed.js`, { method: 'HEAD', cache: 'no-store', credentials: 'omit' });
    return ok ? 'origin' : 'unreachable';
  } catch {
    await new Promise((resolve) => setTimeout(resolve, POLICY_EVENT)); // the event comes after the rejection
    return forbidden.has(origin) ? 'policy' : 'unreachable';
  }
}
