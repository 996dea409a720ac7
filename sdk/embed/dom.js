// Creates elements. Strings always become text nodes: nothing here parses markup.

/** @typedef {Node | string | null | false | undefined} Child */

/**
 * h('button', { class: 'send', part: 'send', onclick: f }, 'Send'). A property that is null, undefined or false is left
 * out.
 * @param {string} name @param {Record<string, any>} [props] @param {...Child} children
 * @returns {any} the element; `any`, because callers know its type
 */
export function h(name, props = {}, ...children) {
  const el = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) el.addEventListener(key.slice(2), value);
    else el.setAttribute(key, value === true ? '' : String(value));
  }
  for (const child of children) if (child) el.append(child);
  return el;
}

/** An icon of 24 × 24, which is hidden from screen readers: its button has the name. @param {string} d */
export function icon(d) {
  const [svg, path] = ['svg', 'path'].map((name) => document.createElementNS('http://www.w3.org/2000/svg', name));
  for (const [key, value] of [
    ['viewBox', '0 0 24 24'],
    ['aria-hidden', 'true'],
  ])
    svg.setAttribute(key, value);
  path.setAttribute('d', d);
  svg.append(path);
  return svg;
}

/**
 * Sets a text only if it is another one: a screen reader reads what is replaced.
 * @param {Node} el @param {string} text
 */
export function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/** Whether the focus is in an element, also while another window is the active one. @param {Element} el */
export function hasFocus(el) {
  const root = /** @type {Document | ShadowRoot} */ (el.getRootNode());
  return el.contains(root.activeElement ?? null);
}

/**
 * Keeps the children of an element equal to a list of items. What has the same key stays the same element.
 * @template {{ key: string }} T
 */
export class KeyedList {
  /** @type {Map<string, { el: HTMLElement, update: (item: T) => void }>} */ #rows = new Map();

  /** @param {HTMLElement} parent @param {(item: T) => { el: HTMLElement, update: (item: T) => void }} make */
  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
  }

  /** @param {T[]} items */
  set(items) {
    const rows = new Map();
    for (const item of items) {
      const row = this.#rows.get(item.key) ?? this.make(item);
      this.#rows.delete(item.key);
      rows.set(item.key, row);
      row.update(item);
    }
    for (const { el } of this.#rows.values()) el.remove(); // first, so that the others need not move
    this.#rows = rows;
    let place = this.parent.firstElementChild;
    for (const { el } of rows.values()) {
      if (el === place) place = el.nextElementSibling;
      else this.parent.insertBefore(el, place);
    }
  }
}
