// Elements that many views share.

import { describeError } from './api.js';
import { h, icon } from './dom.js';
import { hueClass, initials } from './format.js';
import { withCurrentName, partnerOf, state } from './store.js';

/** @typedef {import('./types').UserRef} UserRef */

/**
 * Initials on a colour. It is hidden from screen readers: the name is beside it.
 * @param {UserRef} user @param {'s' | 'm' | 'l' | 'xl'} [size] @param {boolean} [dot] whether to show the online status
 */
export function avatar(user, size = 'm', dot = false) {
  return h(
    'span.avatar',
    { class: `${size} ${hueClass(user.id)}`, 'aria-hidden': 'true' },
    h('span', {}, initials(withCurrentName(user).display_name)),
    dot && h('span.dot', { class: state.online.get(user.id) ? 'online' : '' }),
  );
}

const BIDI_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g; // characters that change the direction of the text after them

/**
 * A display name, without characters that change the direction of text: a name must not look like another one, or
 * affect the text around it.
 * @param {UserRef} user
 */
export const nameElement = (user) => h('bdi', {}, withCurrentName(user).display_name.replace(BIDI_CONTROLS, ''));

/** @param {import('./types').Room} room @param {'s' | 'm' | 'l'} [size] */
export function roomIcon(room, size = 's') {
  const partner = partnerOf(room);
  if (partner) return avatar(partner, size, true);
  return h(
    'span.room-icon',
    { class: size },
    icon(room.kind === 'public' ? 'hash' : room.kind === 'private' ? 'lock' : 'user', size === 's' ? 18 : 20),
  );
}

let fields = 0;

/**
 * A labelled control, with a line for help and one for an error below it.
 * @param {string} label @param {Record<string, any>} props of the control: name, type … @param {string} [help]
 */
export function field(label, props, help = '') {
  const id = `field-${++fields}`;
  const control = props.rows ? h('textarea.input', { id, ...props }) : h('input.input', { id, type: 'text', ...props });
  const errorLine = h('p.wrong', { id: `${id}-wrong`, hidden: true });
  control.setAttribute('aria-describedby', `${id}-wrong` + (help ? ` ${id}-help` : ''));
  return h(
    'div.field',
    { dataset: { field: props.name } },
    h('label', { for: id }, label),
    control,
    help && h('p.help', { id: `${id}-help` }, help),
    errorLine,
  );
}

/**
 * A group of radio buttons.
 * @param {string} legend @param {string} name @param {[string, string, string?][]} options value, label, help
 * @param {string} chosen the value that is checked
 */
export function radioGroup(legend, name, options, chosen) {
  return h(
    'fieldset.choice',
    {},
    h('legend', {}, legend),
    options.map(([value, label, help]) =>
      h(
        'label',
        {},
        h('input', { type: 'radio', name, value, checked: value === chosen }),
        h('span', {}, h('strong', {}, label), help && h('span.help', {}, help)),
      ),
    ),
  );
}

/**
 * Shows the errors of a problem at the fields that they are about.
 * @param {HTMLElement} form @param {any} err @returns {boolean} whether all errors are shown
 */
export function showFieldErrors(form, err) {
  const errors = Array.isArray(err?.errors) ? err.errors : [];
  const byCode = { username_taken: 'username', handle_taken: 'handle' }[/** @type {string} */ (err?.code)];
  const all = byCode ? [{ field: byCode, message: 'is taken. Choose another one' }] : errors;
  let allPlaced = all.length > 0;
  for (const { field: name, message } of all) {
    const at = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
    const line = at?.querySelector('.wrong');
    const control = at?.querySelector('input, textarea');
    if (!line || !control) {
      allPlaced = false;
      continue;
    }
    line.textContent = `This ${message}.`;
    line.removeAttribute('hidden');
    control.setAttribute('aria-invalid', 'true');
  }
  /** @type {HTMLElement | null} */ (form.querySelector('[aria-invalid]'))?.focus();
  return allPlaced;
}

/** @param {HTMLElement} form */
export function clearFieldErrors(form) {
  for (const line of form.querySelectorAll('.wrong')) line.setAttribute('hidden', '');
  for (const control of form.querySelectorAll('[aria-invalid]')) control.removeAttribute('aria-invalid');
}

/** @param {string} picture an icon @param {string} title @param {string} text @param {...Node} actions */
export function emptyState(picture, title, text, ...actions) {
  return h(
    'div.empty',
    {},
    h('span.empty-icon', {}, icon(picture, 28)),
    h('h2', {}, title),
    h('p', {}, text),
    actions.length > 0 && h('div.actions', {}, actions),
  );
}

/** @param {string} [label] */
export const spinner = (label = 'Loading') =>
  h('div.spinner', { role: 'status' }, h('span.visually-hidden', {}, label));

/** Does something, and shows why it failed. @param {() => Promise<any>} action */
export async function attempt(action) {
  try {
    await action();
  } catch (err) {
    toast(describeError(err), true);
  }
}

/** Shows a short message at the bottom of the page. @param {string} text @param {boolean} [isError] */
export function toast(text, isError = false) {
  const container = document.getElementById('toasts');
  if (!container) return;
  const el = h('div.toast', { class: isError ? 'bad' : '' }, text);
  // Dialogs are in the top layer; the container must be shown again to be above an open one.
  if (container.hasAttribute('popover')) {
    if (container.matches(':popover-open')) container.hidePopover();
    container.showPopover();
  }
  container.append(el);
  setTimeout(
    () => {
      el.remove();
      if (!container.childElementCount && container.matches(':popover-open')) container.hidePopover();
    },
    isError ? 7000 : 3000,
  );
}

/** @param {string} text @param {string} what */
export async function copyToClipboard(text, what) {
  // navigator.clipboard exists only in secure contexts.
  const copied = navigator.clipboard
    ? await navigator.clipboard.writeText(text).then(
        () => true,
        () => false,
      )
    : copySelection(text);
  if (copied) toast(`${what} copied`);
  else toast(`This browser does not allow the page to copy. The text is: ${text}`, true);
}

/** Copies a text by selecting it in a hidden field. @param {string} text */
function copySelection(text) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const field = h('textarea.visually-hidden', { value: text, 'aria-hidden': 'true' });
  (focused?.closest('dialog') ?? document.body).append(field); // everything outside a dialog is inert
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  focused?.focus({ preventScroll: true });
  return copied;
}
