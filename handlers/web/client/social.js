// Log-in with other services: the links to them, the result that they leave in the page's URL, and linked identities.

import { call, get, describeError } from './api.js';
import { fill, h } from './dom.js';
import { formatShortTime } from './format.js';
import { attempt, spinner, toast } from './ui.js';

/** @typedef {{ kind: string, value: string }} LoginResult */

/** The log-in providers of the server. @returns {Promise<{ name: string, url: string }[]>} */
export const listProviders = async () => (await get('/v1/auth/providers', { anonymous: true })).items;

/** The parameter that makes the provider return to the current URL. @param {string} [more] added to its fragment */
const redirectParameter = (more = '') =>
  `redirect=${encodeURIComponent(`/${location.hash}${more && (location.hash ? '&' : '#') + more}`)}`;

/** @param {{ name: string, url: string }} provider */
export const loginLink = ({ name, url }) =>
  h('a.button.plain.wide', { href: `${url}?${redirectParameter()}` }, `Continue with ${name}`);

/**
 * Reads the result of a log-in with another service from the URL, and removes it there.
 * @returns {LoginResult | null}
 */
export function takeLoginResult() {
  const found = /[#&](login_code|login_error|linked)=([^&]*)/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, '', location.hash.replace(found[0], '') || '#/');
  return { kind: found[1], value: decodeURIComponent(found[2]) };
}

const FAILURES = {
  unavailable: 'The other service is not responding. Please try again later.',
  username_taken: 'That log-in is linked to another account.',
};

/** @param {string} code */
export const loginFailureText = (code) =>
  FAILURES[/** @type {keyof typeof FAILURES} */ (code)] ?? 'The log-in failed. Please try again.';

/** Shows the result to a user who is logged in already. @param {LoginResult | null} result */
export function showLoginResult(result) {
  if (result?.kind === 'linked') toast(`${result.value} is linked to your account`);
  else if (result) toast(loginFailureText(result.kind === 'login_error' ? result.value : ''), true);
}

/** The linked identities of the account, and the providers that it can be linked to. */
export function identityList() {
  const list = h('div', {}, spinner());
  void load();
  return list;

  async function load() {
    try {
      const [{ items }, available] = await Promise.all([get('/v1/users/me/identities'), listProviders()]);
      fill(
        list,
        items.length > 0 &&
          h(
            'ul.plain-list',
            {},
            items.map((/** @type {import('./types').Identity} */ i) =>
              h(
                'li.list-row',
                {},
                h(
                  'div.list-words',
                  {},
                  h('strong', {}, i.provider),
                  h('span', {}, `since ${formatShortTime(i.created_at)}`),
                ),
                h(
                  'button.plain.small',
                  {
                    type: 'button',
                    'aria-label': `Unlink ${i.provider}`,
                    onclick: () =>
                      attempt(async () => {
                        await call('DELETE', `/v1/users/me/identities/${encodeURIComponent(i.id)}`);
                        await load();
                      }),
                  },
                  'Unlink',
                ),
              ),
            ),
          ),
        available.length > 0 &&
          h(
            'div.actions',
            {},
            available.map((p) =>
              h('button.plain', { type: 'button', onclick: () => attempt(() => linkProvider(p)) }, `Link ${p.name}`),
            ),
          ),
        !items.length &&
          !available.length &&
          h('p.panel-note', {}, 'This server offers no other service to log in with.'),
      );
    } catch (err) {
      fill(list, h('p.form-error', {}, describeError(err)));
    }
  }
}

/**
 * Goes to a provider to link it. A navigation sends no token, so its URL is requested first.
 * @param {{ name: string, url: string }} provider
 */
async function linkProvider({ name, url }) {
  const { data } = await call('GET', `${url}?${redirectParameter(`linked=${encodeURIComponent(name)}`)}`, {
    headers: { Accept: 'application/json' },
  });
  location.assign(data.url);
}
