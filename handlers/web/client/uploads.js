// Files on their way to the server, in chunks that survive a broken connection (tus 1.0.0). After a failure the server is
// asked how far it got, and the upload goes on from there.

import { access, call, newKey, plain, Problem, Unreachable, get } from './api.js';
import { pause } from './dom.js';
import { changed } from './store.js';

/** @typedef {import('./types').Upload} Upload */

const CHUNK = 4 * 1024 * 1024;
const TUS = { 'Tus-Resumable': '1.0.0' };
const AT_ONCE = 2;

/** @type {Upload[]} */
const queue = [];
let running = 0;
/** @type {WeakMap<Upload, () => void>} */
const stops = new WeakMap();
/** @type {Set<() => void>} */
const sleepers = new Set();
/** What to do when an upload is finished; main.js says. @type {{ done: (u: Upload) => void }} */
export const on = { done: () => {} };

/** @param {File} file @param {number} room @returns {Upload} */
export function begin(file, room) {
  /** @type {Upload} */
  const upload = { file, room, sent: 0, state: 'waiting' };
  if (file.type.startsWith('image/') && file.type !== 'image/svg+xml') upload.preview = URL.createObjectURL(file);
  queue.push(upload);
  next();
  return upload;
}

/** @param {Upload} upload */
export function retry(upload) {
  upload.state = 'waiting';
  upload.error = undefined;
  queue.push(upload);
  next();
}

/** Stops an upload and removes what the server has of it. @param {Upload} upload */
export function cancel(upload) {
  const unfinished = upload.state !== 'done';
  upload.state = 'stopped';
  stops.get(upload)?.();
  release(upload);
  if (unfinished && upload.url) call('DELETE', upload.url, { headers: TUS }).catch(() => {}); // it expires by itself
}

/** @param {Upload} upload */
export function release(upload) {
  if (upload.preview) URL.revokeObjectURL(upload.preview);
  upload.preview = undefined;
}

function next() {
  while (running < AT_ONCE) {
    const upload = queue.shift();
    if (!upload) return;
    if (upload.state !== 'waiting') continue;
    running++;
    void run(upload).finally(() => {
      running--;
      next();
    });
  }
  changed('unsent');
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
      const passing = err instanceof Unreachable || err instanceof Problem && (err.passing || [409, 423, 460].includes(err.status));
      if (!passing) {
        upload.state = 'failed';
        upload.error = plain(err);
        break;
      }
      await rest(Math.min(10_000, 500 * 2 ** failures++));
      await resume(upload).catch(() => {});
    }
  }
  changed('unsent');
  if (/** @type {string} */ (upload.state) === 'done') on.done(upload);
}

/** The next thing to do for an upload: begin it, send a chunk, ask what became of it. @param {Upload} upload @param {string} key */
async function step(upload, key) {
  if (!upload.url) {
    const { headers } = await call('POST', '/v1/uploads', {
      key, headers: { ...TUS, 'Upload-Length': String(upload.file.size), 'Upload-Metadata': metadata(upload) },
    });
    upload.url = new URL(headers.get('Location') ?? '', location.origin).pathname;
  } else if (!upload.id) await chunk(upload);
  else {
    upload.info = await get(`/v1/files/${encodeURIComponent(upload.id)}`);
    upload.state = 'done';
  }
}

/** @param {Upload} upload */
async function resume(upload) {
  if (!upload.url || upload.id) return;
  try {
    const { headers } = await call('HEAD', upload.url, { headers: TUS });
    upload.sent = Number(headers.get('Upload-Offset'));
    upload.id = headers.get('Parley-File-Id') ?? undefined;
  } catch (err) {
    if (err instanceof Problem && (err.status === 404 || err.status === 410)) { // it waited for too long: from the start
      upload.url = undefined;
      upload.sent = 0;
    }
  }
}

/** Sends a chunk. XMLHttpRequest, because fetch does not report progress. @param {Upload} upload */
async function chunk(upload) {
  const start = upload.sent;
  const token = await access.token(false);
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
      changed('unsent');
    };
    xhr.onload = () => resolve(xhr);
    xhr.onerror = () => reject(new Unreachable());
    xhr.onabort = () => reject(new Unreachable());
    stops.set(upload, () => xhr.abort());
    xhr.send(upload.file.slice(start, start + CHUNK));
  });
  stops.delete(upload);
  if (request.status === 401) await access.token(true);
  if (request.status !== 204) {
    upload.sent = start;
    throw new Problem(request.status, parsed(request.responseText), 0);
  }
  upload.sent = Number(request.getResponseHeader('Upload-Offset'));
  upload.id = request.getResponseHeader('Parley-File-Id') ?? undefined;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {Upload} upload */
function metadata({ file, room }) {
  const values = { filename: file.name || 'file', filetype: file.type || 'application/octet-stream', room_id: String(room) };
  return Object.entries(values).map(([key, value]) => `${key} ${base64(value)}`).join(',');
}

/** @param {string} text */
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** Waits, but not longer than until the connection is back. @param {number} ms */
async function rest(ms) {
  await Promise.race([pause(ms), new Promise((resolve) => { sleepers.add(() => resolve(undefined)); })]);
  sleepers.clear();
}

addEventListener('online', () => { for (const wake of sleepers) wake(); });
