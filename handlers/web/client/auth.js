// The log-in page: log in, sign up, or continue as a guest.

import { makeForm, openDialog } from './dialogs.js';
import { fill, h } from './dom.js';
import { startSession } from './session.js';
import { loginFailureText, loginLink, listProviders } from './social.js';
import { field } from './ui.js';

/** @typedef {'login' | 'signup' | 'guest'} Mode */

const REASONS = {
  log_out: '',
  session_revoked: 'You were logged out.',
  refresh_token_reused:
    'You were logged out because this log-in was used somewhere else at the same time. ' +
    'If that was not you, change your password.',
  password_changed: 'Your password was changed on another device. Log in with the new one.',
  account_deleted: 'Your account was deleted.',
  expired: 'Your session has expired. Please log in again.',
};

/** @param {string} reason why the last session ended; may be empty */
export function authView(reason) {
  const main = h('main.auth', {});
  const failure = reason.startsWith('login_') && loginFailureText(reason.slice('login_'.length));
  const notice =
    failure || (REASONS[/** @type {keyof typeof REASONS} */ (reason)] ?? (reason ? 'You were logged out.' : ''));
  const card = h('div.auth-card', {});
  /** @type {Mode} */
  let shown = 'login';
  main.append(
    h(
      'div.auth-brand',
      {},
      h('img', { src: '/client/icon.svg', alt: '', width: 44, height: 44 }),
      h('h1', {}, 'Parley'),
      h('p', {}, 'Rooms, direct messages and files, on your own server.'),
    ),
    card,
  );
  /** @type {HTMLElement[]} */
  let links = [];
  show('login');
  listProviders().then(
    (offers) => {
      links = offers.map(loginLink);
      card.querySelector('.auth-others')?.prepend(...(shown === 'login' ? links : []));
    },
    () => {},
  ); // without providers, there are no buttons
  return main;

  /** @param {Mode} way */
  function show(way) {
    shown = way;
    const titles = { login: 'Log in', signup: 'Create an account', guest: 'Continue as a guest' };
    fill(
      card,
      h('h2', {}, titles[way]),
      notice && way === 'login' && h('p.notice', { role: 'status' }, notice),
      FORMS[way](),
      otherModes(way),
    );
    // The first card is not on the page yet.
    queueMicrotask(() => card.querySelector('input')?.focus({ preventScroll: true }));
  }

  /** @param {Mode} way */
  function otherModes(way) {
    const link = (/** @type {Mode} */ to, /** @type {string} */ text) =>
      h('button.plain.wide', { type: 'button', onclick: () => show(to) }, text);
    return h(
      'div.auth-others',
      {},
      way === 'login' && links,
      h('div.or', {}, h('span', {}, 'or')),
      way !== 'login' && link('login', 'Log in'),
      way !== 'signup' && link('signup', 'Create an account'),
      way !== 'guest' && link('guest', 'Continue as a guest'),
    );
  }
}

const usernameField = (/** @type {string} */ help) =>
  field(
    'Username',
    {
      name: 'username',
      autocomplete: 'username',
      autocapitalize: 'none',
      spellcheck: 'false',
      maxlength: 32,
      required: true,
    },
    help,
  );

/** @type {Record<Mode, () => HTMLElement>} */
const FORMS = {
  login: () =>
    makeForm({
      action: 'Log in',
      fields: [
        usernameField(''),
        field('Password', { name: 'password', type: 'password', autocomplete: 'current-password' }),
      ],
      submit: (v) => startSession('/v1/sessions', { username: v.username.trim(), password: v.password }),
    }),
  signup: () =>
    makeForm({
      action: 'Create account',
      fields: accountFields(''),
      submit: (v) => startSession('/v1/users', accountBody(v)),
    }),
  guest: () =>
    makeForm({
      action: 'Continue',
      fields: [
        usernameField(
          'A guest has no password, and is deleted at log-out. You can create an account later and keep everything.',
        ),
      ],
      submit: (v) => startSession('/v1/sessions', { username: v.username.trim(), guest: true }),
    }),
};

/** @param {string} name */
function accountFields(name) {
  const user = usernameField('Letters, digits, “_”, “-” and “.”. Other people find you by it.');
  if (name) user.querySelector('input').value = name;
  return [
    user,
    field(
      'Display name',
      { name: 'display_name', autocomplete: 'name', maxlength: 64 },
      'Leave it empty to use the username.',
    ),
    field('Password', { name: 'password', type: 'password', autocomplete: 'new-password' }, 'At least 8 characters.'),
  ];
}

/** @param {Record<string, string>} v */
const accountBody = (v) => ({
  username: v.username.trim(),
  password: v.password,
  ...(v.display_name.trim() && { display_name: v.display_name.trim() }),
});

/** Turns a guest into an account with a password; the rooms and messages stay. @param {string} name */
export function openUpgradeDialog(name) {
  const dialog = openDialog('Keep this account', () =>
    makeForm({
      action: 'Create account',
      fields: accountFields(name),
      submit: async (v) => {
        await startSession('/v1/users', accountBody(v), true);
        dialog.close();
      },
    }),
  );
}
