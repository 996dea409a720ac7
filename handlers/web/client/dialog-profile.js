// The user's own profile, password, linked log-ins and sessions, and the deletion of the account.

import { call, getAll, describeError } from './api.js';
import { openUpgradeDialog } from './auth.js';
import { confirmAction, makeForm, openDialog } from './dialogs.js';
import { fill, h } from './dom.js';
import { formatAgo } from './format.js';
import { endSession, broadcastProfile } from './session.js';
import { identityList } from './social.js';
import { setMe, state } from './store.js';
import { avatar, field, spinner, toast } from './ui.js';

export function openProfileDialog() {
  const { me } = state;
  if (!me) return;
  openDialog(
    'Profile and account',
    ({ close }) => [
      h(
        'div.card-head',
        {},
        avatar(me, 'xl'),
        h(
          'div',
          {},
          h('p.card-name', {}, h('bdi', {}, me.display_name)),
          h('p.card-sub', {}, '@' + me.username, me.guest && h('span.tag', {}, 'Guest')),
        ),
      ),
      me.guest &&
        h(
          'div.notice',
          {},
          h('p', {}, 'You are a guest. Create an account to keep your rooms and messages.'),
          h(
            'button.primary',
            {
              type: 'button',
              onclick: () => {
                close();
                openUpgradeDialog(me.username);
              },
            },
            'Keep this account',
          ),
        ),
      makeForm({
        action: 'Save',
        fields: [
          field('Display name', { name: 'display_name', value: me.display_name, maxlength: 64, autocomplete: 'name' }),
          field('About you', { name: 'description', value: me.description ?? '', maxlength: 1000, rows: 3 }),
        ],
        submit: async (v) => {
          const { data } = await call('PATCH', '/v1/users/me', {
            body: { display_name: v.display_name.trim() || me.username, description: v.description.trim() },
          });
          setMe(data);
          broadcastProfile(data);
          toast('Saved');
        },
      }),
      !me.guest && h('section.card-section', {}, h('h3', {}, 'Password'), passwordForm()),
      h('section.card-section', {}, h('h3', {}, 'Log in with another service'), identityList()),
      h('section.card-section', {}, h('h3', {}, 'Where you are logged in'), sessionList()),
      h(
        'section.card-section',
        {},
        h('h3', {}, 'Delete account'),
        h('button.plain.dangerous', { type: 'button', onclick: confirmDeleteAccount }, 'Delete my account…'),
      ),
    ],
    'wide',
  );
}

function passwordForm() {
  const form = makeForm({
    action: 'Change password',
    fields: [
      field(
        'Current password',
        { name: 'current_password', type: 'password', autocomplete: 'current-password' },
        'Leave it empty if you have none yet.',
      ),
      field(
        'New password',
        { name: 'new_password', type: 'password', autocomplete: 'new-password' },
        'At least 8 characters. You are logged out on your other devices.',
      ),
    ],
    submit: async (v) => {
      const { current_password, ...body } = v;
      await call('PUT', '/v1/users/me/password', { body: current_password ? v : body });
      form.reset();
      toast('Password changed');
    },
  });
  return form;
}

function sessionList() {
  const list = h('div', {}, spinner());
  void load();
  return list;

  async function load() {
    try {
      const { items } = await getAll('/v1/sessions', 100);
      fill(
        list,
        h(
          'ul.plain-list',
          {},
          items.map((s) =>
            h(
              'li.list-row',
              {},
              h(
                'div.list-words',
                {},
                h('strong', {}, deviceName(s.user_agent)),
                h('span', {}, `${s.ip} · ${s.current ? 'this device' : `used ${formatAgo(s.last_used_at)}`}`),
              ),
              !s.current &&
                h(
                  'button.plain.small',
                  {
                    type: 'button',
                    onclick: async () => {
                      try {
                        await call('DELETE', `/v1/sessions/${s.id}`);
                        await load();
                      } catch (err) {
                        toast(describeError(err), true);
                      }
                    },
                  },
                  'Log out',
                ),
            ),
          ),
        ),
      );
    } catch (err) {
      fill(list, h('p.form-error', {}, describeError(err)));
    }
  }
}

/** @param {string} agent */
function deviceName(agent) {
  const browser = /Edg\//.test(agent)
    ? 'Edge'
    : /Firefox\//.test(agent)
      ? 'Firefox'
      : /Chrome\//.test(agent)
        ? 'Chrome'
        : /Safari\//.test(agent)
          ? 'Safari'
          : agent.split(/[\s/]/)[0] || 'Unknown';
  const system = /Android/.test(agent)
    ? 'Android'
    : /iPhone|iPad/.test(agent)
      ? 'iOS'
      : /Windows/.test(agent)
        ? 'Windows'
        : /Mac OS/.test(agent)
          ? 'macOS'
          : /Linux/.test(agent)
            ? 'Linux'
            : '';
  return system ? `${browser} on ${system}` : browser;
}

const DELETE_ACCOUNT = /** @type {const} */ ([
  'Delete your account?',
  'Your rooms, contacts and sessions are deleted, and your messages are removed everywhere. This cannot be undone.',
  'Delete my account',
]);

async function confirmDeleteAccount() {
  const [title, text, action] = DELETE_ACCOUNT;
  if (!state.me?.guest) return void openDeleteAccountDialog();
  if (!(await confirmAction(title, text, action))) return;
  try {
    await deleteAccount();
  } catch (err) {
    toast(describeError(err), true);
  }
}

/** The server asks for the password of an account that has one. It is sent as a header: a DELETE has no body. */
function openDeleteAccountDialog() {
  const [title, text, action] = DELETE_ACCOUNT;
  openDialog(
    title,
    ({ close }) => [
      h('p', {}, text),
      makeForm({
        action,
        danger: true,
        fields: [
          field(
            'Your password',
            { name: 'Parley-Password', type: 'password', autocomplete: 'current-password', autofocus: true },
            'Needed if you logged in more than 10 minutes ago. Leave it empty if you have none.',
          ),
        ],
        submit: async (v) => {
          await deleteAccount(
            v['Parley-Password'] ? { 'Parley-Password': encodeURIComponent(v['Parley-Password']) } : {},
          );
          close();
        },
      }),
    ],
    'narrow',
  );
}

/** @param {Record<string, string>} [headers] */
async function deleteAccount(headers) {
  await call('DELETE', '/v1/users/me', { headers });
  await endSession('account_deleted');
}
