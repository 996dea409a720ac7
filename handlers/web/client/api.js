// Requests to the server: the token, the problems, the pages of lists.

/** A problem that the server answered with. */
export class Problem extends Error {
  /** @param {number} status @param {any} body @param {number} retryAfter in seconds */
  constructor(status, body, retryAfter) {
    super(body?.detail || body?.title || `The server answered ${status}.`);
    this.status = status;
    /** @type {string} */ this.code = body?.code ?? '';
    /** @type {{ field: string, message: string }[]} */ this.errors = body?.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get passing() {
    return this.status >= 500 && this.status !== 501 || this.status === 429 || this.status === 408;
  }
}

/** No answer came. */
export class Unreachable extends Error {
  constructor() {
    super('The server cannot be reached. Check your connection and try again.');
  }
}

/**
 * Where the access token comes from; session.js says. fresh asks for another one than the last.
 * @type {{ token: (fresh: boolean) => Promise<string>, ended: (reason: string) => void }}
 */
export const access = { token: async () => '', ended: () => {} };

/**
 * @typedef {object} Options
 * @property {any} [body] is sent as JSON
 * @property {string} [key] the Idempotency-Key
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {boolean} [open] the route needs no token
 * @property {boolean} [keepalive] the request outlives the page
 * @property {boolean} [blob] the answer is a file
 */

/**
 * Makes a request. Problems are thrown.
 * @param {string} method @param {string} path @param {Options} [options]
 * @returns {Promise<{ data: any, headers: Headers, status: number }>}
 */
export async function call(method, path, options = {}) {
  let answer = await once(method, path, options, false);
  if (answer.status === 401 && !options.open) {
    const problem = await problemOf(answer.clone());
    if (problem.code === 'token_expired' || problem.code === 'unauthenticated') answer = await once(method, path, options, true);
    else if (problem.code === 'session_revoked') access.ended('session_revoked');
  }
  if (!answer.ok) throw await problemOf(answer);
  let data;
  if (options.blob) data = await received(answer.blob());
  else {
    const text = await received(answer.text());
    if (text) data = parsed(text);
  }
  return { data, headers: answer.headers, status: answer.status };
}

/** @param {string} method @param {string} path @param {Options} options @param {boolean} fresh */
async function once(method, path, { body, key, headers, signal, open, keepalive }, fresh) {
  const all = new Headers(headers);
  if (!open) all.set('Authorization', `Bearer ${await access.token(fresh)}`);
  if (body !== undefined) all.set('Content-Type', 'application/json');
  if (key) all.set('Idempotency-Key', key);
  // What is wrong with the request itself is a fault of this program, and is thrown here, not taken for the network's.
  const init = /** @type {RequestInit} */ ({
    method, headers: all, signal, keepalive, body: body === undefined ? undefined : JSON.stringify(body),
    credentials: 'same-origin', cache: 'no-store', redirect: 'error',
  });
  void new Request(path, init);
  return received(fetch(path, init));
}

/** @template T @param {Promise<T>} promise @returns {Promise<T>} */
async function received(promise) {
  try {
    return await promise;
  } catch (err) {
    if (/** @type {Error} */ (err).name === 'AbortError') throw err;
    throw new Unreachable();
  }
}

/** What is no JSON does not come from the server, but from something that stands between, such as the log-in of a hotel's network. @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreachable();
  }
}

/** @param {Response} answer */
async function problemOf(answer) {
  let body = null;
  try {
    body = await answer.json();
  } catch {
    // A proxy's page, perhaps. The status has to do.
  }
  return new Problem(answer.status, body, Number(answer.headers.get('Retry-After')) || 0);
}

/** @param {string} path @param {Options} [options] */
export const get = async (path, options) => (await call('GET', path, options)).data;

/**
 * All pages of a list, up to a bound, and the cursor of the first one: what changes while the others are read comes as events.
 * @param {string} path @param {number} [most]
 */
export async function getAll(path, most = 2000) {
  const items = [];
  let cursor = '';
  let event = '';
  do {
    const url = path + (path.includes('?') ? '&' : '?') + 'limit=200' + (cursor && `&cursor=${encodeURIComponent(cursor)}`);
    const { data, headers } = await call('GET', url);
    items.push(...data.items);
    event ||= headers.get('Event-Cursor') ?? '';
    cursor = data.next_cursor ?? '';
  } while (cursor && items.length < most);
  return { items, event, complete: !cursor };
}

/** Whether the same may succeed later: no answer came, or one that says so. All else is refused, or a fault of this program. @param {unknown} err */
export const isPassing = (err) => err instanceof Unreachable || err instanceof Problem && err.passing;

/** A module that comes when it is needed. One that did not come is the network's, like any answer. @template T @param {Promise<T>} module @returns {Promise<T>} */
export const arrived = (module) => module.catch((err) => { throw err instanceof TypeError && /import/i.test(err.message) ? new Unreachable() : err; });

/** The text about an error for the user. @param {unknown} err */
export function plain(err) {
  if (err instanceof Problem) {
    if (err.code === 'rate_limited') return `Too many tries. Wait ${err.retryAfter || 60} seconds and try again.`;
    if (err.code === 'internal') return 'The server made a mistake. Please try again.';
    if (err.errors.length) return err.errors.map((e) => `${wordsOf(e.field)} ${e.message}.`).join(' ');
    return err.message;
  }
  if (err instanceof Unreachable) return err.message;
  console.error(err);
  return 'Something went wrong here. Reload the page, please.';
}

/** @param {string} field */
function wordsOf(field) {
  const words = field.replace(/_/g, ' ');
  return words[0].toUpperCase() + words.slice(1);
}

/** An unguessable name for a request or a message; randomUUID is there on secure pages alone. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}
