// Uploads of files: the SDK makes them, and the pages show pictures of them meanwhile.

import { lowLevel } from '/sdk.js';
import { http } from './api.js';
import { notify } from './store.js';

/** @typedef {import('./types').Upload} Upload */

/** The uploads that are shown, and the object URLs of those that are pictures. @type {Map<Upload, string>} */
const shown = new Map();

/** @param {File} file @param {number} room @returns {Upload} */
export function beginUpload(file, room) {
  const upload = new lowLevel.Upload(http, room, file);
  const isPicture = file.type.startsWith('image/') && file.type !== 'image/svg+xml';
  shown.set(upload, isPicture ? URL.createObjectURL(file) : '');
  upload.subscribe(() => notify('unsent'));
  notify('unsent');
  return upload;
}

/** An object URL of a picture that is being sent. @param {Upload} upload */
export const previewOf = (upload) => shown.get(upload);

/** Stops an upload and deletes it on the server. @param {Upload} upload */
export function cancelUpload(upload) {
  upload.stop();
  releasePreview(upload);
}

/** @param {Upload} upload */
export function releasePreview(upload) {
  const preview = shown.get(upload);
  if (preview) URL.revokeObjectURL(preview);
  shown.delete(upload);
}

/** Ends all uploads with the session: they must not go on as the next user's. */
export function closeUploads() {
  for (const upload of shown.keys()) {
    upload.close();
    releasePreview(upload);
  }
}

addEventListener('online', () => {
  for (const upload of shown.keys()) upload.wake();
});
