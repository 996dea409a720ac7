// Requests to the server: access tokens, problems (RFC 9457) and paginated lists.

/** An error response of the server, in the format of RFC 9457. */
export class Problem extends Error {
  /** @param {number} status @param {any} body @param {number} retryAfter in seconds */
  constructor(status, body, retryAfter) {
    super(body?.detail || body?.title || `The server responded with status ${status}.`);
    this.status = status;
    /** @type {string} */ this.code = body?.code ?? '';
    /** @type {{ field: string, message: string }[]} */ this.errors = body?.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get isTransient() {
    return (this.status >= 500 && this.status !== 501) || this.status === 429 || this.status === 408;
  }
}

/** The request failed without a response of the server. */
export class Unreachable extends Error {
  constructor() {
    super('The server cannot be reached. Check your connection and try again.');
  }
}

/**
 * The source of access tokens, set by session.js. With fresh, it returns a new token instead of the last one.
 * @type {{ token: (fresh: boolean) => Promise<string>, ended: (reason: string) => void }}
 */
export const access = { token: async () => '', ended: () => {} };

/**
 * @typedef {object} Options
 * @property {any} [body] sent as JSON
 * @property {string} [key] the Idempotency-Key
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {boolean} [anonymous] sends no token
 * @property {boolean} [keepalive] the request continues when the page is closed
 * @property {boolean} [blob] the response is a file
 */

/**
 * Makes a request, and repeats it once with a new token when the token has expired. Throws Problem or Unreachable.
 * @param {string} method @param {string} path @param {Options} [options]
 * @returns {Promise<{ data: any, headers: Headers, status: number }>}
 */
export async function call(method, path, options = {}) {
  let response = await send(method, path, options, false);
  if (response.status === 401 && !options.anonymous) {
    const problem = await readProblem(response.clone());
    if (problem.code === 'token_expired' || problem.code === 'unauthenticated')
      response = await send(method, path, options, true);
    else if (problem.code === 'session_revoked') access.ended('session_revoked');
  }
  if (!response.ok) throw await readProblem(response);
  let data;
  if (options.blob) data = await mapNetworkError(response.blob());
  else {
    const text = await mapNetworkError(response.text());
    if (text) data = parseJSON(text);
  }
  return { data, headers: response.headers, status: response.status };
}

/** @param {string} method @param {string} path @param {Options} options @param {boolean} fresh */
async function send(method, path, { body, key, headers, signal, anonymous, keepalive }, fresh) {
  const all = new Headers(headers);
  if (!anonymous) all.set('Authorization', `Bearer ${await access.token(fresh)}`);
  if (body !== undefined) all.set('Content-Type', 'application/json');
  if (key) all.set('Idempotency-Key', key);
  // An invalid request is a bug in this program: it throws here, and is not mistaken for a network error.
  const init = /** @type {RequestInit} */ ({
    method,
    headers: all,
    signal,
    keepalive,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: 'same-origin',
    cache: 'no-store',
    redirect: 'error',
  });
  void new Request(path, init);
  return mapNetworkError(fetch(path, init));
}

/** @template T @param {Promise<T>} promise @returns {Promise<T>} */
async function mapNetworkError(promise) {
  try {
    return await promise;
  } catch (err) {
    if (/** @type {Error} */ (err).name === 'AbortError') throw err;
    throw new Unreachable();
  }
}

/**
 * Text that is not JSON does not come from the server, but from a proxy between, such as the log-in page of a hotel's
 * network.
 * @param {string} text
 */
function parseJSON(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreachable();
  }
}

/** @param {Response} response */
async function readProblem(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // Perhaps a proxy's page: only the status is known.
  }
  return new Problem(response.status, body, Number(response.headers.get('Retry-After')) || 0);
}

/** @param {string} path @param {Options} [options] */
export const get = async (path, options) => (await call('GET', path, options)).data;

/**
 * Reads all pages of a list, up to max items. Returns the event cursor of the first page: changes made while the other
 * pages are read arrive as events.
 * @param {string} path @param {number} [max]
 */
export async function getAll(path, max = 2000) {
  const items = [];
  let cursor = '';
  let event = '';
  do {
    const url =
      path + (path.includes('?') ? '&' : '?') + 'limit=200' + (cursor && `&cursor=${encodeURIComponent(cursor)}`);
    const { data, headers } = await call('GET', url);
    items.push(...data.items);
    event ||= headers.get('Event-Cursor') ?? '';
    cursor = data.next_cursor ?? '';
  } while (cursor && items.length < max);
  return { items, event, complete: !cursor };
}

/**
 * Whether the same request may succeed later: there was no response, or one that says so. Any other error is a refusal,
 * or a bug in this program.
 * @param {unknown} err
 */
export const isTransient = (err) => err instanceof Unreachable || (err instanceof Problem && err.isTransient);

/**
 * Turns a failed download of a module into Unreachable, as for any other request.
 * @template T @param {Promise<T>} module @returns {Promise<T>}
 */
export const mapImportError = (module) =>
  module.catch((err) => {
    throw err instanceof TypeError && /import/i.test(err.message) ? new Unreachable() : err;
  });

/** The text about an error for the user. An unexpected error is also logged. @param {unknown} err */
export function describeError(err) {
  if (err instanceof Problem) {
    if (err.code === 'rate_limited') return `Too many attempts. Wait ${err.retryAfter || 60} seconds and try again.`;
    if (err.code === 'internal') return 'The server had an internal error. Please try again.';
    if (err.errors.length) return err.errors.map((e) => `${fieldLabel(e.field)} ${e.message}.`).join(' ');
    return err.message;
  }
  if (err instanceof Unreachable) return err.message;
  console.error(err);
  return 'Something went wrong here. Please reload the page.';
}

/** @param {string} field */
function fieldLabel(field) {
  const words = field.replace(/_/g, ' ');
  return words[0].toUpperCase() + words.slice(1);
}

/** A random key for a request or a message. crypto.randomUUID exists only in secure contexts. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}
