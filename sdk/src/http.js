// Requests to the server: access tokens, problems and paginated lists.

import { Problem, Unreachable } from './problem.js';

/**
 * @typedef {object} Options
 * @property {any} [body] sent as JSON
 * @property {BodyInit} [raw] sent as it is
 * @property {string} [key] the Idempotency-Key
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {boolean} [bytes] the response is no JSON: data is a Blob
 * @property {boolean} [anonymous] sends no token
 * @property {boolean} [keepalive] the request continues when the page is closed
 * @property {boolean} [cookies] sends and takes the server's cookies, also from a page of another origin
 */

export class Http {
  /**
   * @param {string} base the address of the server, without a slash at the end; empty for the page's own
   * @param {(fresh: boolean, session?: string) => Promise<string>} token of the session with that id; with fresh, a new
   *   one instead of the last one
   * @param {(reason: string, session?: string) => void} ended the session has ended
   * @param {() => string | undefined} [session] the id of the session
   */
  constructor(base, token, ended, session = () => undefined) {
    this.base = base;
    this.token = token;
    this.ended = ended;
    this.session = session;
  }

  /**
   * Makes a request and reads the response. Throws Problem or Unreachable.
   * @param {string} method @param {string} path @param {Options} [options]
   * @returns {Promise<{ data: any, headers: Headers, status: number }>}
   */
  async call(method, path, options) {
    const response = await this.open(method, path, options);
    const { headers, status } = response;
    if (options?.bytes) return { data: await mapNetworkError(response.blob()), headers, status };
    const text = await mapNetworkError(response.text());
    let data;
    try {
      if (text) data = JSON.parse(text);
    } catch {
      throw new Unreachable(); // from a proxy between, such as the log-in page of a hotel's network
    }
    return { data, headers, status };
  }

  /**
   * Makes a request, and repeats it once with a new token when the token has expired. The body of the response is not
   * read.
   * @param {string} method @param {string} path @param {Options} [options]
   */
  async open(method, path, options = {}) {
    const session = this.session();
    const send = async (/** @type {boolean} */ fresh) => {
      const token = options.anonymous ? '' : await this.token(fresh, session);
      return this.#send(method, path, options, token);
    };
    let response = await send(false);
    if (response.status === 401 && !options.anonymous) {
      const problem = await readProblem(response.clone());
      if (problem.code === 'token_expired' || problem.code === 'unauthenticated' || !problem.code)
        response = await send(true);
      else if (problem.code === 'session_revoked') this.ended('session_revoked', session);
    }
    if (!response.ok) throw await readProblem(response);
    return response;
  }

  /** @param {string} method @param {string} path @param {Options} options @param {string} token */
  async #send(method, path, { body, raw, key, headers, signal, keepalive, cookies }, token) {
    const all = new Headers(headers);
    if (token) all.set('Authorization', `Bearer ${token}`);
    if (body !== undefined) all.set('Content-Type', 'application/json');
    if (key) all.set('Idempotency-Key', key);
    // An invalid request is a bug in this program: it throws here, and is not mistaken for a network error.
    const request = new Request(this.base + path, {
      method,
      headers: all,
      signal,
      keepalive,
      body: body === undefined ? raw : JSON.stringify(body),
      credentials: cookies ? 'include' : 'same-origin',
      cache: 'no-store',
      redirect: 'error',
    });
    // The signal once more: in Node.js, a request that is collected as garbage passes no abort on.
    return mapNetworkError(fetch(request, { signal }));
  }

  /** @param {string} path @param {Options} [options] */
  async get(path, options) {
    return (await this.call('GET', path, options)).data;
  }

  /**
   * Reads all pages of a list, up to max items. Returns the event cursor of the first page: changes made while the
   * other pages are read arrive as events.
   * @param {string} path @param {number} [max]
   */
  async getAll(path, max = Infinity) {
    const items = [];
    let [cursor, event] = ['', ''];
    do {
      const { data, headers } = await this.call(
        'GET',
        `${path}?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      items.push(...data.items);
      event ||= headers.get('Event-Cursor') ?? '';
      cursor = data.next_cursor ?? '';
    } while (cursor && items.length < max);
    return { items, event, complete: !cursor };
  }
}

/**
 * Turns what fetch throws, and the reading of a body, into Unreachable.
 * @template T @param {Promise<T>} promise @returns {Promise<T>}
 */
export async function mapNetworkError(promise) {
  try {
    return await promise;
  } catch (err) {
    if (/** @type {Error} */ (err).name === 'AbortError') throw err;
    throw new Unreachable();
  }
}

/** @param {Response} response */
async function readProblem(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // Perhaps a proxy's page, or the response to HEAD: only the status is known.
  }
  return new Problem(response.status, body, Number(response.headers.get('Retry-After')) || 0);
}
