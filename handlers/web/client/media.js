// Pictures and files from the server. Their requests need the token, so they are fetched and shown as object URLs. The
// most recently used thumbnails are cached.

import { get, getBlob } from './api.js';

const MAX_THUMBNAILS = 150;
/** @type {Map<string, Promise<string>>} */
const thumbnails = new Map();

/**
 * Returns an object URL of a thumbnail, valid while it is in the cache.
 * @param {string} path @returns {Promise<string>}
 */
function fetchThumbnail(path) {
  const known = thumbnails.get(path);
  if (known) {
    thumbnails.delete(path);
    thumbnails.set(path, known);
    return known;
  }
  const loading = getBlob(path).then((blob) => URL.createObjectURL(blob));
  loading.catch(() => thumbnails.delete(path));
  thumbnails.set(path, loading);
  if (thumbnails.size > MAX_THUMBNAILS) {
    const [oldest, url] = /** @type {[string, Promise<string>]} */ (thumbnails.entries().next().value);
    thumbnails.delete(oldest);
    url.then(
      (u) => URL.revokeObjectURL(u),
      () => {},
    );
  }
  return loading;
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      const img = /** @type {HTMLImageElement} */ (target);
      fetchThumbnail(img.dataset.path ?? '').then(
        (url) => {
          img.src = url;
          img.classList.add('loaded');
        },
        () => img.classList.add('broken'),
      );
    }
  },
  { rootMargin: '600px' },
);

/**
 * Loads a thumbnail when the image is scrolled near the visible area.
 * @param {HTMLImageElement} img @param {string} path
 */
export function showThumbnailWhenNear(img, path) {
  img.dataset.path = path;
  observer.observe(img);
}

/**
 * Fetches a file and returns an object URL, which the caller revokes.
 * @param {import('./types').FileInfo} file @param {AbortSignal} [signal]
 */
export async function fetchObjectURL(file, signal) {
  return URL.createObjectURL(await getBlob(file.url, { signal }));
}

/** @param {import('./types').FileInfo} file */
export async function download(file) {
  const blob = await getBlob(file.url + '?download=1');
  const a = document.createElement('a');
  a.href = URL.createObjectURL(blob);
  a.download = file.name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
}

export function clearThumbnails() {
  for (const url of thumbnails.values())
    url.then(
      (u) => URL.revokeObjectURL(u),
      () => {},
    );
  thumbnails.clear();
}

/** @param {import('./types').FileInfo} file */
export const isPicture = (file) => Boolean(file.width) && /^image\/(png|jpeg|gif|webp|avif|bmp)$/.test(file.media_type);

/** @param {import('./types').FileInfo} file */
export const isPlayable = (file) => /^(video|audio)\//.test(file.media_type);
