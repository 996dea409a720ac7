// Requests to the server, as the SDK makes them, and what to say about their errors.

import { lowLevel, Problem, Unreachable } from '/sdk.js';

export { Problem, Unreachable };
export const { isTransient, newKey } = lowLevel;

/** The locks that all tabs share. */
export const locks = lowLevel.sharedLocks();

/** This tab, which keeps the lock of this name as long as it is open. */
export const tab = newKey();
locks.keep(tab);

/** The beginning of all keys in the browser's storage, as for other pages of this server that use the SDK. */
export const storageKey = `parley.${location.origin}`;

/** Makes the requests. session.js sets where it gets its tokens, and what to do when the session has ended. */
export const http = new lowLevel.Http(
  '',
  async () => '',
  () => {},
);

/** @typedef {import('../../../sdk/src/http.js').Options} Options */

/**
 * Makes a request, and repeats it once with a new token when the token has expired. Throws Problem or Unreachable.
 * @param {string} method @param {string} path @param {Options} [options]
 */
export const call = (method, path, options) => http.call(method, path, options);

/** @param {string} path @param {Options} [options] */
export const get = (path, options) => http.get(path, options);

/** Reads a file. @param {string} path @param {Options} [options] */
export const getBlob = async (path, options) =>
  lowLevel.mapNetworkError((await http.open('GET', path, options)).blob());

/**
 * Reads all pages of a list, up to max items, with the event cursor of the first page.
 * @param {string} path @param {number} [max]
 */
export const getAll = (path, max = 2000) => http.getAll(path, max);

/**
 * Turns a failed download of a module into Unreachable, as for any other request.
 * @template T @param {Promise<T>} module @returns {Promise<T>}
 */
export const mapImportError = (module) =>
  module.catch((err) => {
    throw err instanceof TypeError && /import/i.test(err.message) ? new Unreachable() : err;
  });

/** Unexpected errors that are logged. @type {WeakSet<object>} */
const logged = new WeakSet();

/** The text about an error for the user. An unexpected error is also logged, once. @param {unknown} err */
export function describeError(err) {
  if (err instanceof Problem) {
    if (err.code === 'rate_limited') return `Too many attempts. Wait ${err.retryAfter || 60} seconds and try again.`;
    if (err.code === 'internal') return 'The server had an internal error. Please try again.';
    if (err.errors.length) return err.errors.map((e) => `${fieldLabel(e.field)} ${e.message}.`).join(' ');
    return err.message;
  }
  if (err instanceof Unreachable || err instanceof lowLevel.Unsent) return err.message;
  if (!(err instanceof Object && logged.has(err))) console.error(err);
  if (err instanceof Object) logged.add(err);
  return 'Something went wrong here. Please reload the page.';
}

/** @param {string} field */
function fieldLabel(field) {
  const words = field.replace(/_/g, ' ');
  return words[0].toUpperCase() + words.slice(1);
}
