// Resumable uploads of files in chunks (tus 1.0.0). After a failure, the server is asked for the offset, and the upload
// continues from there.

import { call, http, newKey, describeError, Problem, Unreachable, get } from './api.js';
import { pause } from './dom.js';
import { notify } from './store.js';

/** @typedef {import('./types').Upload} Upload */

const CHUNK_SIZE = 4 * 1024 * 1024;
const TUS = { 'Tus-Resumable': '1.0.0' };
const MAX_CONCURRENT = 2;

/** @type {Upload[]} */
const queue = [];
let running = 0;
/** @type {WeakMap<Upload, () => void>} */
const aborters = new WeakMap();
/** @type {Set<() => void>} */
const wakers = new Set();
/** Called when an upload is finished; set by main.js. @type {{ done: (u: Upload) => void }} */
export const on = { done: () => {} };

/** @param {File} file @param {number} room @returns {Upload} */
export function beginUpload(file, room) {
  /** @type {Upload} */
  const upload = { file, room, sent: 0, state: 'waiting' };
  if (file.type.startsWith('image/') && file.type !== 'image/svg+xml') upload.preview = URL.createObjectURL(file);
  queue.push(upload);
  startNext();
  return upload;
}

/** @param {Upload} upload */
export function retryUpload(upload) {
  upload.state = 'waiting';
  upload.error = undefined;
  queue.push(upload);
  startNext();
}

/** Stops an upload and deletes it on the server. @param {Upload} upload */
export function cancelUpload(upload) {
  const unfinished = upload.state !== 'done';
  upload.state = 'stopped';
  aborters.get(upload)?.();
  releasePreview(upload);
  if (unfinished && upload.url) call('DELETE', upload.url, { headers: TUS }).catch(() => {}); // otherwise it expires
}

/** @param {Upload} upload */
export function releasePreview(upload) {
  if (upload.preview) URL.revokeObjectURL(upload.preview);
  upload.preview = undefined;
}

function startNext() {
  while (running < MAX_CONCURRENT) {
    const upload = queue.shift();
    if (!upload) return;
    if (upload.state !== 'waiting') continue;
    running++;
    void run(upload).finally(() => {
      running--;
      startNext();
    });
  }
  notify('unsent');
}

/** @param {Upload} upload */
async function run(upload) {
  upload.state = 'sending';
  let failures = 0;
  const key = newKey();
  while (upload.state === 'sending') {
    const before = upload.sent;
    try {
      await step(upload, key);
      if (upload.sent > before) failures = 0;
    } catch (err) {
      if (upload.state !== 'sending') return;
      const canRetry =
        err instanceof Unreachable ||
        (err instanceof Problem && (err.isTransient || [409, 423, 460].includes(err.status)));
      if (!canRetry) {
        upload.state = 'failed';
        upload.error = describeError(err);
        break;
      }
      await waitForNetwork(Math.min(10_000, 500 * 2 ** failures++));
      await readOffset(upload).catch(() => {});
    }
  }
  notify('unsent');
  if (/** @type {string} */ (upload.state) === 'done') on.done(upload);
}

/**
 * Makes the next request of an upload: creates it, sends a chunk, or reads the finished file.
 * @param {Upload} upload @param {string} key
 */
async function step(upload, key) {
  if (!upload.url) {
    const { headers } = await call('POST', '/v1/uploads', {
      key,
      headers: { ...TUS, 'Upload-Length': String(upload.file.size), 'Upload-Metadata': metadata(upload) },
    });
    upload.url = new URL(headers.get('Location') ?? '', location.origin).pathname;
  } else if (!upload.id) await sendChunk(upload);
  else {
    upload.info = await get(`/v1/files/${encodeURIComponent(upload.id)}`);
    upload.state = 'done';
  }
}

/** @param {Upload} upload */
async function readOffset(upload) {
  if (!upload.url || upload.id) return;
  try {
    const { headers } = await call('HEAD', upload.url, { headers: TUS });
    upload.sent = Number(headers.get('Upload-Offset'));
    upload.id = headers.get('Parley-File-Id') ?? undefined;
  } catch (err) {
    if (err instanceof Problem && (err.status === 404 || err.status === 410)) {
      // the upload has expired: start again
      upload.url = undefined;
      upload.sent = 0;
    }
  }
}

/** Sends a chunk. XMLHttpRequest, because fetch does not report the progress of an upload. @param {Upload} upload */
async function sendChunk(upload) {
  const start = upload.sent;
  const token = await http.token(false);
  /** @type {XMLHttpRequest} */
  const request = await new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open('PATCH', /** @type {string} */ (upload.url));
    xhr.setRequestHeader('Authorization', `Bearer ${token}`);
    xhr.setRequestHeader('Tus-Resumable', '1.0.0');
    xhr.setRequestHeader('Upload-Offset', String(start));
    xhr.setRequestHeader('Content-Type', 'application/offset+octet-stream');
    xhr.upload.onprogress = (e) => {
      upload.sent = start + e.loaded;
      notify('unsent');
    };
    xhr.onload = () => resolve(xhr);
    xhr.onerror = () => reject(new Unreachable());
    xhr.onabort = () => reject(new Unreachable());
    aborters.set(upload, () => xhr.abort());
    xhr.send(upload.file.slice(start, start + CHUNK_SIZE));
  });
  aborters.delete(upload);
  if (request.status === 401) await http.token(true);
  if (request.status !== 204) {
    upload.sent = start;
    throw new Problem(request.status, parseJSONOrNull(request.responseText), 0);
  }
  upload.sent = Number(request.getResponseHeader('Upload-Offset'));
  upload.id = request.getResponseHeader('Parley-File-Id') ?? undefined;
}

/** @param {string} text */
function parseJSONOrNull(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {Upload} upload */
function metadata({ file, room }) {
  const values = {
    filename: file.name || 'file',
    filetype: file.type || 'application/octet-stream',
    room_id: String(room),
  };
  return Object.entries(values)
    .map(([key, value]) => `${key} ${base64(value)}`)
    .join(',');
}

/** @param {string} text */
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** Waits for ms milliseconds, or until the browser is online again. @param {number} ms */
async function waitForNetwork(ms) {
  await Promise.race([
    pause(ms),
    new Promise((resolve) => {
      wakers.add(() => resolve(undefined));
    }),
  ]);
  wakers.clear();
}

addEventListener('online', () => {
  for (const wake of wakers) wake();
});
