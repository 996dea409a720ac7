// The lightbox: shows a picture, a video or an audio file in a dialog.

import { describeError } from './api.js';
import { fill, h, iconButton } from './dom.js';
import { formatSize } from './format.js';
import { openModal } from './layers.js';
import { download, fetchObjectURL } from './media.js';
import { spinner } from './ui.js';

/** @typedef {import('./types').FileInfo} FileInfo */

/** @param {FileInfo[]} files the files to page through @param {FileInfo} first */
export function openLightbox(files, first) {
  let at = Math.max(
    0,
    files.findIndex((f) => f.id === first.id),
  );
  let url = '';
  let loading = new AbortController();
  const stage = h('div.lightbox-stage', {});
  const title = h('p.lightbox-title', { id: 'lightbox-title' });
  const previous = iconButton('back', 'Previous', { onclick: () => step(-1) });
  const next = iconButton('right', 'Next', { onclick: () => step(1) });
  const el = h(
    'dialog.lightbox',
    {
      'aria-labelledby': 'lightbox-title',
      onkeydown: (/** @type {KeyboardEvent} */ e) => {
        if (e.key === 'ArrowLeft') step(-1);
        if (e.key === 'ArrowRight') step(1);
      },
      onclick: (/** @type {Event} */ e) => {
        if (e.target === el || e.target === stage) el.close();
      },
    },
    h(
      'header',
      {},
      title,
      iconButton('download', 'Download', { onclick: () => download(files[at]) }),
      iconButton('close', 'Close', { onclick: () => el.close() }),
    ),
    stage,
    files.length > 1 && h('div.lightbox-steps', {}, previous, next),
  );
  el.addEventListener('close', release);
  openModal(el);
  void show();

  /** @param {number} by */
  function step(by) {
    if (!files[at + by]) return;
    at += by;
    void show();
  }

  function release() {
    loading.abort();
    if (url) URL.revokeObjectURL(url);
    url = '';
  }

  async function show() {
    release();
    loading = new AbortController();
    const { signal } = loading;
    const file = files[at];
    title.textContent = `${file.name} · ${formatSize(file.size)}`;
    previous.disabled = at === 0;
    next.disabled = at === files.length - 1;
    fill(stage, spinner());
    try {
      const loaded = await fetchObjectURL(file, signal);
      if (signal.aborted) {
        URL.revokeObjectURL(loaded);
        return;
      }
      url = loaded;
      const kind = file.media_type.split('/')[0];
      if (kind === 'video') fill(stage, h('video', { src: url, controls: true, autoplay: true }));
      else if (kind === 'audio') fill(stage, h('audio', { src: url, controls: true, autoplay: true }));
      else fill(stage, h('img', { src: url, alt: file.name }));
    } catch (err) {
      if (!signal.aborted) fill(stage, h('p', { role: 'alert' }, describeError(err)));
    }
  }
}
