// The DOM helpers that replace a framework: create elements, keep a list of elements equal to a list of items, and
// announce text to screen readers. Text always becomes text nodes; nothing here parses markup.

import { paths } from './icons.js';

/** @typedef {import('./types').Child} Child */

/**
 * Creates an element: h('button.primary', { type: 'button', onclick: f }, 'Send').
 * @param {string} tag a tag name, and classes after dots
 * @param {Record<string, any>} [props] on… adds a listener, dataset and vars (CSS variables) take an object, all
 *   others are attributes; false, null and undefined are ignored
 * @param {...Child} children
 * @returns {any} the element; `any`, because callers know its type
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const el = document.createElement(name);
  if (classes.length) el.className = classes.join(' ');
  for (const [key, value] of Object.entries(props)) setProp(el, key, value);
  append(el, children);
  return el;
}

/** @param {HTMLElement} el @param {string} key @param {any} value */
function setProp(el, key, value) {
  if (value === false || value === null || value === undefined) return;
  if (key.startsWith('on')) el.addEventListener(key.slice(2), value);
  else if (key === 'class') el.className += (el.className ? ' ' : '') + value;
  else if (key === 'dataset') Object.assign(el.dataset, value);
  else if (key === 'vars') for (const [name, v] of Object.entries(value)) el.style.setProperty(`--${name}`, v);
  else if (key === 'value') /** @type {HTMLInputElement} */ (el).value = value;
  else el.setAttribute(key, value === true ? '' : String(value));
}

/** @param {Node} el @param {Child[]} children */
export function append(el, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(el, child);
    else if (child instanceof Node) el.appendChild(child);
    else if (child !== false && child !== null && child !== undefined)
      el.appendChild(document.createTextNode(String(child)));
  }
}

/** Replaces the children of an element. @param {Element} el @param {...Child} children */
export function fill(el, ...children) {
  el.replaceChildren();
  append(el, children);
}

/** An icon. It is hidden from screen readers: its button has the label. @param {string} name @param {number} [size] */
export function icon(name, size = 20) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [key, value] of Object.entries({
    viewBox: '0 0 24 24',
    width: size,
    height: size,
    'aria-hidden': 'true',
    class: 'icon',
  })) {
    svg.setAttribute(key, String(value));
  }
  for (const d of paths[name]) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', d);
    svg.appendChild(path);
  }
  return svg;
}

/**
 * A button with an icon and no text.
 * @param {string} name @param {string} label @param {Record<string, any>} [props]
 */
export function iconButton(name, label, props = {}) {
  return h('button.icon-button', { type: 'button', 'aria-label': label, title: label, ...props }, icon(name));
}

/**
 * Keeps the children of an element equal to a list of items. A row whose key and signature did not change is kept.
 * @template T
 */
export class KeyedList {
  /** @type {Map<string, { sig: string, el: HTMLElement }>} */
  #rows = new Map();

  /**
   * @param {HTMLElement} parent holds these rows and nothing else
   * @param {(item: T) => string} key
   * @param {(item: T) => string} sig everything that the row shows: when it changes, the row is created again
   * @param {(item: T) => HTMLElement} make
   */
  constructor(parent, key, sig, make) {
    this.parent = parent;
    this.key = key;
    this.sig = sig;
    this.make = make;
  }

  /** @param {T[]} items */
  set(items) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const rows = new Map();
    let place = this.parent.firstElementChild;
    for (const item of items) {
      const key = this.key(item);
      const sig = this.sig(item);
      let row = this.#rows.get(key);
      if (!row) row = { sig, el: this.make(item) };
      else if (row.sig !== sig) {
        const el = this.make(item);
        rememberFocus(row.el, el);
        if (place === row.el) place = el;
        row.el.replaceWith(el);
        if (el.dataset.focus === 'pending') restoreFocus(el);
        row = { sig, el };
      }
      rows.set(key, row);
      this.#rows.delete(key);
      if (row.el === place) place = place.nextElementSibling;
      else this.parent.insertBefore(row.el, place);
    }
    for (const { el } of this.#rows.values()) el.remove();
    this.#rows = rows;
    // A moved element loses the focus.
    if (focused?.isConnected && focused !== document.activeElement && this.parent.contains(focused))
      focused.focus({ preventScroll: true });
  }

  /** @param {string} key */
  get(key) {
    return this.#rows.get(key)?.el;
  }
}

/**
 * Records on the new row which element of the old row had the focus.
 * @param {HTMLElement} before @param {HTMLElement} after
 */
function rememberFocus(before, after) {
  const focused = document.activeElement;
  if (!focused || !before.contains(focused)) return;
  after.dataset.focus = 'pending';
  if (focused !== before) after.dataset.focusLabel = focused.getAttribute('aria-label') ?? focused.textContent ?? '';
}

/** @param {HTMLElement} el */
function restoreFocus(el) {
  const label = el.dataset.focusLabel;
  delete el.dataset.focus;
  delete el.dataset.focusLabel;
  const same =
    label &&
    [...el.querySelectorAll('button, a, input')].find((b) => (b.getAttribute('aria-label') ?? b.textContent) === label);
  /** @type {HTMLElement} */ (same || el).focus({ preventScroll: true });
}

/** Announces a text to screen readers; the focus does not move. @param {string} text */
export function announce(text) {
  const region = document.getElementById('live');
  if (!region) return;
  region.append(h('p', {}, text));
  while (region.childElementCount > 5) region.firstElementChild?.remove();
}

/**
 * Calls f when there was no call for ms milliseconds.
 * @template {any[]} A
 * @param {number} ms @param {(...args: A) => void} f @returns {(...args: A) => void}
 */
export function debounce(ms, f) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...args), ms);
  };
}

/** @param {number} ms */
export const pause = (ms) =>
  new Promise((done) => {
    setTimeout(done, ms);
  });
