// The few helpers that stand in for a framework: make elements, keep a list of them in step with data, say things aloud.
// Text only ever becomes text nodes; nothing here parses markup.

import { paths } from './icons.js';

/** @typedef {import('./types').Child} Child */

/**
 * Makes an element: h('button.primary', { type: 'button', onclick: f }, 'Send').
 * @param {string} tag a tag name, with classes behind dots
 * @param {Record<string, any>} [props] on… are listeners, dataset is one, all others attributes; false and null are left out
 * @param {...Child} children
 * @returns {any} the element; `any`, since callers know which one they asked for
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

/** Puts other children in the place of those an element has. @param {Element} el @param {...Child} children */
export function fill(el, ...children) {
  el.replaceChildren();
  append(el, children);
}

/** An icon, which says nothing by itself: its button has the label. @param {string} name @param {number} [size] */
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

/** A button that shows an icon alone. @param {string} name @param {string} label @param {Record<string, any>} [props] */
export function iconButton(name, label, props = {}) {
  return h('button.icon-button', { type: 'button', 'aria-label': label, title: label, ...props }, icon(name));
}

/**
 * A list of elements that follows a list of items: what has the same key and signature stays as it is, in its place.
 * @template T
 */
export class KeyedList {
  /** @type {Map<string, { sig: string, el: HTMLElement }>} */
  #rows = new Map();

  /**
   * @param {HTMLElement} parent holds these rows and nothing else
   * @param {(item: T) => string} key
   * @param {(item: T) => string} sig whatever the row shows: another one makes the row anew
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
    // An element that is moved loses the focus.
    if (focused?.isConnected && focused !== document.activeElement && this.parent.contains(focused))
      focused.focus({ preventScroll: true });
  }

  /** @param {string} key */
  get(key) {
    return this.#rows.get(key)?.el;
  }
}

/** Remembers that the focus was inside of the row that goes. @param {HTMLElement} before @param {HTMLElement} after */
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

/** Says something to screen readers without moving anything. @param {string} text */
export function announce(text) {
  const region = document.getElementById('live');
  if (!region) return;
  region.append(h('p', {}, text));
  while (region.childElementCount > 5) region.firstElementChild?.remove();
}

/**
 * Calls f once the calls have stopped for a while.
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
