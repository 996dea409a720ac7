// Log-ins through others: the ways there, what they leave in the address of the page, and what the account is linked with.

import { call, get, plain } from './api.js';
import { fill, h } from './dom.js';
import { shortTime } from './format.js';
import { spinner, toast } from './ui.js';

/** @typedef {{ kind: string, value: string }} Arrival */

/** The providers that the server knows. @returns {Promise<{ name: string, url: string }[]>} */
export const providers = async () => (await get('/v1/auth/providers', { open: true })).items;

/** Where to come back to: the place that the address names now. @param {string} [more] */
const backHere = (more = '') => `redirect=${encodeURIComponent(`/${location.hash}${more && (location.hash ? '&' : '#') + more}`)}`;

/** @param {{ name: string, url: string }} provider */
export const loginLink = ({ name, url }) => h('a.button.plain.wide', { href: `${url}?${backHere()}` }, `Continue with ${name}`);

/** What a log-in elsewhere has left in the address. It is taken out of there. @returns {Arrival | null} */
export function takeArrival() {
  const found = /[#&](login_code|login_error|linked)=([^&]*)/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, '', location.hash.replace(found[0], '') || '#/');
  return { kind: found[1], value: decodeURIComponent(found[2]) };
}

const FAILURES = {
  unavailable: 'The other service does not answer at the moment. Please try again later.',
  username_taken: 'That log-in belongs to another account.',
};

/** @param {string} code */
export const failureOf = (code) => FAILURES[/** @type {keyof typeof FAILURES} */ (code)] ?? 'The log-in did not work. Please try again.';

/** Shows the logged-in user the result. @param {Arrival | null} arrival */
export function tellArrival(arrival) {
  if (arrival?.kind === 'linked') toast(`${arrival.value} opens your account now`);
  else if (arrival) toast(failureOf(arrival.kind === 'login_error' ? arrival.value : ''), true);
}

/** What opens the account besides a password, and what else could. */
export function identities() {
  const list = h('div', {}, spinner());
  void load();
  return list;

  async function load() {
    try {
      const [{ items }, offers] = await Promise.all([get('/v1/users/me/identities'), providers()]);
      fill(list,
        items.length > 0 && h('ul.plain-list', {}, items.map((/** @type {import('./types').Identity} */ i) => h('li.list-row', {},
          h('div.list-words', {}, h('strong', {}, i.provider), h('span', {}, `since ${shortTime(i.created_at)}`)),
          h('button.plain.small', { type: 'button', 'aria-label': `Unlink ${i.provider}`, onclick: () => attempt(async () => {
            await call('DELETE', `/v1/users/me/identities/${encodeURIComponent(i.id)}`);
            await load();
          }) }, 'Unlink')))),
        offers.length > 0 && h('div.actions', {}, offers.map((p) => h('button.plain', { type: 'button', onclick: () => attempt(() => link(p)) }, `Link ${p.name}`))),
        !items.length && !offers.length && h('p.panel-note', {}, 'This server knows no other service to log in through.'));
    } catch (err) {
      fill(list, h('p.form-error', {}, plain(err)));
    }
  }
}

/** A page that the browser goes to brings no token, so the way is asked for first. @param {{ name: string, url: string }} provider */
async function link({ name, url }) {
  const { data } = await call('GET', `${url}?${backHere(`linked=${encodeURIComponent(name)}`)}`, { headers: { Accept: 'application/json' } });
  location.assign(data.url);
}

/** @param {() => Promise<any>} f */
async function attempt(f) {
  try {
    await f();
  } catch (err) {
    toast(plain(err), true);
  }
}
