// Dialogs. The <dialog> element keeps the focus inside, closes on Esc, and restores the focus.

import { h, iconButton } from './dom.js';
import { describeError } from './api.js';
import { openModal } from './layers.js';
import { clearFieldErrors, showFieldErrors } from './ui.js';

/**
 * @typedef {object} Open
 * @property {HTMLDialogElement} el
 * @property {() => void} close
 * @property {Promise<void>} closed
 * @property {AbortSignal} signal aborts when it closes
 */

let dialogCount = 0;

/**
 * @param {string} title @param {(dialog: Open) => any} content makes the content
 * @param {string} [kind] a class: wide, narrow
 * @returns {Open}
 */
export function openDialog(title, content, kind = '') {
  const id = `dialog-${++dialogCount}`;
  const controller = new AbortController();
  const el = h('dialog', { class: kind, 'aria-labelledby': id });
  const close = () => el.close();
  const closed = new Promise((resolve) => {
    el.addEventListener('close', () => {
      controller.abort();
      resolve(undefined);
    });
  });
  /** @type {any} */
  const open = { el, close, closed, signal: controller.signal };
  el.append(h('header.dialog-head', {}, h('h2', { id }, title), iconButton('close', 'Close', { onclick: close })));
  el.append(h('div.dialog-body', {}, content(open)));
  let pressedBackdrop = false; // selecting text may end outside the dialog, and must not close it
  el.addEventListener('pointerdown', (/** @type {Event} */ e) => {
    pressedBackdrop = e.target === el;
  });
  el.addEventListener('click', (/** @type {Event} */ e) => {
    if (e.target === el && pressedBackdrop) close();
  });
  openModal(el);
  const first = el.querySelector('[autofocus], .dialog-body input, .dialog-body textarea, .dialog-body button');
  first?.focus();
  return open;
}

/**
 * A form. Its button is busy while submit runs; errors are shown at the fields that they are about.
 * @param {{
 *   action: string, danger?: boolean, fields: any[], extra?: any,
 *   submit: (values: Record<string, string>) => Promise<any>,
 * }} form
 */
export function makeForm({ action, danger = false, fields, submit, extra }) {
  const errorLine = h('p.form-error', { role: 'alert', hidden: true });
  const button = h(danger ? 'button.danger' : 'button.primary', { type: 'submit' }, action);
  const form = h(
    'form',
    {
      novalidate: true,
      onsubmit: async (/** @type {SubmitEvent} */ e) => {
        e.preventDefault();
        if (button.getAttribute('aria-busy')) return;
        clearFieldErrors(form);
        errorLine.hidden = true;
        button.setAttribute('aria-busy', 'true');
        try {
          await submit(Object.fromEntries(/** @type {any} */ (new FormData(form))));
        } catch (err) {
          if (!showFieldErrors(form, err)) {
            errorLine.textContent = describeError(err);
            errorLine.hidden = false;
          }
        } finally {
          button.removeAttribute('aria-busy');
        }
      },
    },
    fields,
    errorLine,
    h('div.form-actions', {}, extra, button),
  );
  return form;
}

/**
 * Asks the user to confirm an action that cannot be undone.
 * @param {string} title @param {string} text @param {string} action @returns {Promise<boolean>}
 */
export async function confirmAction(title, text, action) {
  let isConfirmed = false;
  const dialog = openDialog(
    title,
    ({ close }) => [
      h('p', {}, text),
      h(
        'div.form-actions',
        {},
        h('button.plain', { type: 'button', onclick: close }, 'Cancel'),
        h(
          'button.danger',
          {
            type: 'button',
            autofocus: true,
            onclick: () => {
              isConfirmed = true;
              close();
            },
          },
          action,
        ),
      ),
    ],
    'narrow',
  );
  await dialog.closed;
  return isConfirmed;
}
