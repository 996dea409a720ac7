// Menus and other popovers beside a button. They close on Esc and on a click outside.

import { h, icon } from './dom.js';

/** @typedef {{ label: string, icon?: string, danger?: boolean, act: () => any } | null} Item null is a separator */

/**
 * Opens a popover beside an anchor, and removes it when it is closed.
 * @param {HTMLElement} anchor @param {HTMLElement} el
 * @param {'below' | 'above'} [side]
 */
export function openBeside(anchor, el, side = 'below') {
  el.setAttribute('popover', 'auto');
  // In a dialog it must be a child of it, because everything outside is inert; otherwise it belongs to its landmark.
  (anchor.closest('dialog') ?? anchor.closest('main, aside, .sidebar') ?? document.body).append(el);
  el.showPopover();
  const at = anchor.getBoundingClientRect();
  const box = el.getBoundingClientRect();
  const fitsBelow = at.bottom + box.height + 8 < innerHeight;
  const fitsAbove = at.top - box.height - 8 > 0;
  const placeBelow = side === 'below' ? fitsBelow || !fitsAbove : !fitsAbove;
  const top = placeBelow ? Math.min(at.bottom + 4, innerHeight - box.height - 8) : at.top - box.height - 4;
  const left = at.left + box.width + 8 > innerWidth ? at.right - box.width : at.left;
  el.style.setProperty('top', `${Math.max(8, top)}px`);
  el.style.setProperty('left', `${Math.max(8, Math.min(left, innerWidth - box.width - 8))}px`);
  anchor.setAttribute('aria-expanded', 'true');
  el.addEventListener('toggle', (e) => {
    if (/** @type {ToggleEvent} */ (e).newState !== 'closed') return;
    const hasFocus = el.contains(document.activeElement) || document.activeElement === document.body;
    anchor.setAttribute('aria-expanded', 'false');
    el.remove();
    if (hasFocus && anchor.isConnected) anchor.focus({ preventScroll: true });
  });
}

/** @param {HTMLElement} anchor @param {string} label @param {Item[]} items */
export function openMenu(anchor, label, items) {
  const menu = h('div.menu', { role: 'menu', 'aria-label': label, onkeydown: moveFocus });
  for (const item of items) {
    if (!item) {
      menu.append(h('hr', { role: 'separator' }));
      continue;
    }
    menu.append(
      h(
        'button',
        {
          role: 'menuitem',
          type: 'button',
          tabindex: '-1',
          class: item.danger ? 'dangerous' : '',
          onclick: () => {
            menu.hidePopover();
            item.act();
          },
        },
        item.icon && icon(item.icon, 18),
        h('span', {}, item.label),
      ),
    );
  }
  openBeside(anchor, menu);
  /** @type {HTMLElement | null} */ (menu.querySelector('[role=menuitem]'))?.focus();

  /** @param {KeyboardEvent} e */
  function moveFocus(e) {
    const all = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll('[role=menuitem]')]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[e.key];
    if (e.key === 'Tab') menu.hidePopover();
    if (to === undefined) return;
    e.preventDefault();
    all[(to + all.length) % all.length].focus();
  }
}
