// Resumable uploads of files in chunks (tus 1.0.0). After a failure, the server is asked for the offset, and the upload
// continues from there.

import { isTransient, Problem, Unreachable } from './problem.js';
import { newKey, pause, retryAfter, retryDelay, Watched } from './tools.js';

const CHUNK_SIZE = 4 * 1024 * 1024;
const CHUNK_SIZE_OF_FETCH = 1024 * 1024; // it tells nothing of the progress of a request
const TUS = { 'Tus-Resumable': '1.0.0' };
const MAX_CONCURRENT = 2;
const MAX_FAILURES = 8; // of requests that the server has answered, without a byte more

/** The server has taken nothing of a chunk. */
class Stalled extends Error {}

/** @param {unknown} err @param {...number} statuses */
const hasStatus = (err, ...statuses) => err instanceof Problem && statuses.includes(err.status);

/** Whether the same bytes may be taken later. 423: an earlier request still writes. @param {unknown} err */
const isTemporary = (err) => isTransient(err) || hasStatus(err, 423);

/** Whether bytes after the offset that the server has may be taken. @param {unknown} err */
const isAtWrongOffset = (err) => err instanceof Stalled || hasStatus(err, 409, 460);

/** The uploads that wait for others. @type {Upload[]} */
const queue = [];
let running = 0;

function startNext() {
  while (running < MAX_CONCURRENT) {
    const upload = queue.shift();
    if (!upload) return;
    running++;
    void upload.run().finally(() => {
      running--;
      startNext();
    });
  }
}

export class Upload extends Watched {
  sent = 0;
  /** @type {import('../sdk').Upload['state']} */ state = 'waiting';
  /** @type {Error | undefined} */ error;
  /** @type {Promise<import('../sdk').FileData>} */ file;
  /** @type {import('../sdk').FileData | undefined} */ info;
  #id = '';
  #key = newKey();
  #over = new AbortController();
  #wait = pause(0);
  /** @type {(file: import('../sdk').FileData) => void} */ #resolve = () => {};
  /** @type {(err: Error) => void} */ #reject = () => {};

  /**
   * @param {import('./http.js').Http} http @param {number} room @param {import('../sdk').NewFile} file
   * @param {string} [url] of an upload that was begun before
   */
  constructor(http, room, file, url) {
    super();
    this.http = http;
    this.room = room;
    this.data = file instanceof Blob ? file : file.data;
    this.name = /** @type {File} */ (file).name || 'file';
    this.size = this.data.size;
    this.url = url;
    this.file = this.#promise();
    this.#enqueue();
  }

  #promise() {
    const file = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    file.catch(() => {}); // state and error tell too
    return file;
  }

  #enqueue() {
    this.state = 'waiting';
    queue.push(this);
    startNext();
  }

  retry() {
    if (this.state !== 'failed') return;
    this.error = undefined;
    this.file = this.#promise();
    this.#enqueue();
    this.changed();
  }

  stop() {
    if (this.close('The upload was stopped.') && this.url) this.http.call('DELETE', this.url, { headers: TUS }).catch(() => {}); // otherwise it expires
  }

  /**
   * Ends the upload, and leaves its bytes on the server: the session is over, and what comes next may be another user's.
   * @returns whether it was not over
   */
  close(why = 'The session has ended.') {
    if (this.state === 'done' || this.state === 'stopped') return false;
    this.#end('stopped', new Error(why));
    this.#over.abort();
    this.#wait.wake();
    return true;
  }

  /** The network may be back. */
  wake() {
    this.#wait.wake();
  }

  /** @param {'failed' | 'stopped'} state @param {Error} err */
  #end(state, err) {
    this.state = state;
    this.error = err;
    this.#reject(err);
    this.changed();
  }

  async run() {
    if (this.state !== 'waiting') return;
    this.state = 'sending';
    let isOffsetKnown = !this.url;
    let [tries, failures, furthest] = [0, 0, this.sent];
    while (this.state === 'sending') {
      try {
        if (!isOffsetKnown) await this.#readOffset();
        isOffsetKnown = true;
        await this.#step();
        if (this.sent > furthest) {
          furthest = this.sent;
          tries = failures = 0;
        }
      } catch (err) {
        if (/** @type {string} */ (this.state) === 'stopped') return;
        if (!isTemporary(err) && !(isAtWrongOffset(err) && ++failures < MAX_FAILURES)) {
          this.#end('failed', /** @type {Error} */ (err));
          return;
        }
        isOffsetKnown = false;
        this.#wait = pause(retryDelay(retryAfter(err), tries++, 10_000));
        await this.#wait.over;
      }
      this.changed();
    }
  }

  /** Makes the next request: creates the upload, sends a chunk, or reads the finished file. */
  async #step() {
    if (!this.url) {
      const { headers } = await this.http.call('POST', '/v1/uploads', {
        key: this.#key,
        headers: { ...TUS, 'Upload-Length': String(this.size), 'Upload-Metadata': this.#metadata() },
        signal: this.#over.signal,
      });
      // Only its path: behind a proxy, the server may know itself by another address.
      this.url = new URL(headers.get('Location') ?? '', 'http://server').pathname;
    } else if (!this.#id) await this.#sendChunk();
    else {
      const { signal } = this.#over;
      this.info = await this.http.get(`/v1/files/${encodeURIComponent(this.#id)}`, { signal });
      this.state = 'done';
      this.#resolve(/** @type {import('../sdk').FileData} */ (this.info));
    }
  }

  async #readOffset() {
    if (!this.url || this.#id) return;
    try {
      const { headers } = await this.http.call('HEAD', this.url, { headers: TUS, signal: this.#over.signal });
      this.#readOffsetFrom((name) => headers.get(name));
    } catch (err) {
      if (!hasStatus(err, 404, 410)) throw err;
      // It has expired: start again.
      this.url = undefined;
      this.#key = newKey();
      this.sent = 0;
    }
  }

  /** @param {(name: string) => string | null} header of the response */
  #readOffsetFrom(header) {
    const offset = header('Upload-Offset') ?? '';
    if (!/^\d+$/.test(offset) || Number(offset) > this.size)
      throw new Error('The server, or a proxy before it, does not say how much of the file it has.');
    this.sent = Number(offset);
    this.#id = header('Parley-File-Id') ?? '';
  }

  async #sendChunk() {
    const start = this.sent;
    await this.#sendBytes(start);
    const isOver = this.sent === this.size;
    if (!this.#id && (isOver || this.sent <= start)) throw new Stalled('The server takes no more of the file.');
  }

  /** @param {number} start */
  async #sendBytes(start) {
    const headers = { ...TUS, 'Upload-Offset': String(start), 'Content-Type': 'application/offset+octet-stream' };
    const url = /** @type {string} */ (this.url);
    const { signal } = this.#over;
    const size = globalThis.XMLHttpRequest ? CHUNK_SIZE : CHUNK_SIZE_OF_FETCH;
    // Read before it is sent: a file that has changed or is gone would look like a broken connection.
    const raw = await this.data.slice(start, start + size).arrayBuffer();
    if (!globalThis.XMLHttpRequest) {
      const response = await this.http.call('PATCH', url, { headers, raw, signal });
      this.#readOffsetFrom((name) => response.headers.get(name));
      return;
    }
    const token = await this.http.token(false);
    signal.throwIfAborted();
    /** @type {XMLHttpRequest} */
    const request = await new Promise((resolve, reject) => {
      const xhr = new XMLHttpRequest();
      xhr.open('PATCH', this.http.base + url);
      for (const [name, value] of Object.entries({ ...headers, Authorization: `Bearer ${token}` }))
        xhr.setRequestHeader(name, value);
      xhr.upload.onprogress = (e) => {
        this.sent = start + e.loaded;
        this.changed();
      };
      xhr.onload = () => resolve(xhr);
      xhr.onerror = xhr.onabort = () => reject(new Unreachable());
      signal.onabort = () => xhr.abort();
      xhr.send(raw);
    });
    const { status } = request;
    if (status === 204) this.#readOffsetFrom((name) => request.getResponseHeader(name));
    else {
      this.sent = start;
      const wait = Number(request.getResponseHeader('Retry-After')) || 0;
      if (status === 401) await this.http.token(true); // and then once more
      throw status === 401 ? new Unreachable() : new Problem(status, parse(request.responseText), wait);
    }
  }

  #metadata() {
    const values = {
      filename: this.name,
      filetype: this.data.type || 'application/octet-stream',
      room_id: String(this.room),
    };
    return Object.entries(values)
      .map(([key, value]) => `${key} ${btoa(String.fromCharCode(...new TextEncoder().encode(value)))}`)
      .join(',');
  }
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
