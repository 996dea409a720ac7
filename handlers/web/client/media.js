// Pictures and files from the server. They need the token, so they are fetched and shown from memory; of small pictures
// the last ones are kept, the others are let go.

import { get } from './api.js';

const MOST = 150;
/** @type {Map<string, Promise<string>>} */
const small = new Map();

/** An address of a small picture, for as long as it is among the last ones used. @param {string} path @returns {Promise<string>} */
function thumbnail(path) {
  const known = small.get(path);
  if (known) {
    small.delete(path);
    small.set(path, known);
    return known;
  }
  const loading = get(path, { blob: true }).then((blob) => URL.createObjectURL(blob));
  loading.catch(() => small.delete(path));
  small.set(path, loading);
  if (small.size > MOST) {
    const [oldest, url] = /** @type {[string, Promise<string>]} */ (small.entries().next().value);
    small.delete(oldest);
    url.then(
      (u) => URL.revokeObjectURL(u),
      () => {},
    );
  }
  return loading;
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      const img = /** @type {HTMLImageElement} */ (target);
      thumbnail(img.dataset.path ?? '').then(
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

/** Shows a small picture once it comes near. @param {HTMLImageElement} img @param {string} path */
export function showWhenNear(img, path) {
  img.dataset.path = path;
  near.observe(img);
}

/** The whole file, from memory; the caller revokes the address. @param {import('./types').FileInfo} file @param {AbortSignal} [signal] */
export async function whole(file, signal) {
  return URL.createObjectURL(await get(file.url, { blob: true, signal }));
}

/** @param {import('./types').FileInfo} file */
export async function download(file) {
  const blob = await get(file.url + '?download=1', { blob: true });
  const a = document.createElement('a');
  a.href = URL.createObjectURL(blob);
  a.download = file.name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
}

export function forgetMedia() {
  for (const url of small.values())
    url.then(
      (u) => URL.revokeObjectURL(u),
      () => {},
    );
  small.clear();
}

/** @param {import('./types').FileInfo} file */
export const isPicture = (file) => Boolean(file.width) && /^image\/(png|jpeg|gif|webp|avif|bmp)$/.test(file.media_type);

/** @param {import('./types').FileInfo} file */
export const isPlayable = (file) => /^(video|audio)\//.test(file.media_type);
