// The settings of a room, for its moderators and owner: names, invites, bans, and deletion.

import { call, getAll, newKey, describeError } from './api.js';
import { confirmAction, makeForm, openDialog } from './dialogs.js';
import { fill, h, icon, iconButton } from './dom.js';
import { formatAgo, formatCount, formatShortTime } from './format.js';
import { removeRoom, refreshRoom } from './rooms.js';
import { navigate } from './router.js';
import { roomTitle, state } from './store.js';
import { attempt, avatar, copyToClipboard, field, nameElement, spinner, toast } from './ui.js';

/** @typedef {import('./types').Room} Room */

/** @param {string} code */
const inviteLink = (code) => `${location.origin}/#/invite/${encodeURIComponent(code)}`;

/** @param {Room} room */
export function openSettingsDialog(room) {
  openDialog(
    'Room settings',
    ({ close }) => [
      makeForm({
        action: 'Save',
        fields: [
          field('Name', { name: 'name', value: room.name ?? '', maxlength: 128, autocomplete: 'off' }),
          field(
            'Short name',
            { name: 'handle', value: room.handle ?? '', maxlength: 64, autocapitalize: 'none', autocomplete: 'off' },
            'Letters, digits, “_”, “-” and “.”. No other channel can have it.',
          ),
          field('Topic', { name: 'description', value: room.description ?? '', maxlength: 1000, rows: 3 }),
        ],
        submit: async (v) => {
          /** @type {Record<string, string>} */
          const change = {};
          for (const name of /** @type {const} */ (['name', 'handle', 'description'])) {
            const text = name === 'handle' ? v[name].trim().replace(/^#/, '') : v[name].trim();
            if (text !== (room[name] ?? '')) change[name] = text;
          }
          if (Object.keys(change).length) {
            const { data } = await call('PATCH', `/v1/rooms/${room.id}`, { body: change });
            Object.assign(room, data);
            void refreshRoom(room.id);
          }
          toast('Saved');
        },
      }),
      section('Invites', inviteList(room)),
      section('Banned people', banList(room)),
      h(
        'section.card-section',
        {},
        h('h3', {}, 'Delete'),
        h(
          'div.actions',
          {},
          h('button.plain.dangerous', { type: 'button', onclick: () => clearHistory(room) }, 'Clear history…'),
          room.membership?.role === 'owner' &&
            h('button.plain.dangerous', { type: 'button', onclick: () => deleteRoom(room, close) }, 'Delete room…'),
        ),
      ),
    ],
    'wide',
  );
}

/** @param {Room} room */
export function openInviteDialog(room) {
  openDialog(`Invite people to ${roomTitle(room)}`, () => [
    room.kind === 'public' && h('p', {}, 'This channel is public: everybody can also find it and join.'),
    inviteList(room),
  ]);
}

/** @param {string} title @param {Node} content */
const section = (title, content) => h('section.card-section', {}, h('h3', {}, title), content);

/** @param {Room} room */
function inviteList(room) {
  const list = h('div', {}, spinner());
  const uses = h(
    'select.input',
    { 'aria-label': 'Number of uses' },
    [
      ['', 'Any number'],
      ['1', 'One person'],
      ['10', '10 people'],
    ].map(([v, label]) => h('option', { value: v }, label)),
  );
  const days = h(
    'select.input',
    { 'aria-label': 'Valid for' },
    [
      ['7', 'For a week'],
      ['1', 'For a day'],
      ['', 'Until revoked'],
    ].map(([v, label]) => h('option', { value: v }, label)),
  );
  const create = h(
    'button.primary',
    {
      type: 'button',
      onclick: () =>
        attempt(async () => {
          const body = {
            ...(uses.value && { max_uses: Number(uses.value) }),
            ...(days.value && { expires_at: new Date(Date.now() + Number(days.value) * 86_400_000).toISOString() }),
          };
          const { data } = await call('POST', `/v1/rooms/${room.id}/invites`, { body, key: newKey() });
          await copyToClipboard(inviteLink(data.code), 'Invite link');
          await load();
        }),
    },
    'Create a link',
  );
  void load();
  return h('div', {}, h('div.invite-make', {}, uses, days, create), list);

  async function load() {
    try {
      const { items } = await getAll(`/v1/rooms/${room.id}/invites`, 200);
      fill(
        list,
        items.length
          ? h(
              'ul.plain-list',
              {},
              items.map((i) =>
                h(
                  'li.list-row',
                  {},
                  icon('link', 18),
                  h(
                    'div.list-words',
                    {},
                    h('code.invite-code', {}, i.code),
                    h(
                      'span',
                      {},
                      `${formatCount(i.uses, 'use')}${i.max_uses ? ` of ${i.max_uses}` : ''}, ` +
                        (i.expires_at ? `until ${formatShortTime(i.expires_at)}` : 'until revoked'),
                    ),
                  ),
                  iconButton('copy', 'Copy the link', {
                    onclick: () => copyToClipboard(inviteLink(i.code), 'Invite link'),
                  }),
                  iconButton('trash', 'Revoke', {
                    onclick: () =>
                      attempt(async () => {
                        await call('DELETE', `/v1/rooms/${room.id}/invites/${encodeURIComponent(i.code)}`);
                        await load();
                      }),
                  }),
                ),
              ),
            )
          : h('p.panel-note', {}, 'No invites at the moment.'),
      );
    } catch (err) {
      fill(list, h('p.form-error', {}, describeError(err)));
    }
  }
}

/** @param {Room} room */
function banList(room) {
  const list = h('div', {}, spinner());
  void load();
  return list;

  async function load() {
    try {
      const { items } = await getAll(`/v1/rooms/${room.id}/bans`, 200);
      fill(
        list,
        items.length
          ? h(
              'ul.plain-list',
              {},
              items.map((b) =>
                h(
                  'li.list-row',
                  {},
                  avatar(b.user, 'm'),
                  h(
                    'div.list-words',
                    {},
                    h('strong', {}, nameElement(b.user)),
                    h(
                      'span',
                      {},
                      [b.reason, b.until ? `until ${formatShortTime(b.until)}` : 'permanent', formatAgo(b.created_at)]
                        .filter(Boolean)
                        .join(' · '),
                    ),
                  ),
                  h(
                    'button.plain.small',
                    {
                      type: 'button',
                      onclick: () =>
                        attempt(async () => {
                          await call('DELETE', `/v1/rooms/${room.id}/bans/${b.user.id}`);
                          await load();
                        }),
                    },
                    'Remove ban',
                  ),
                ),
              ),
            )
          : h('p.panel-note', {}, 'Nobody is banned.'),
      );
    } catch (err) {
      fill(list, h('p.form-error', {}, describeError(err)));
    }
  }
}

/** @param {Room} room */
async function clearHistory(room) {
  if (
    !(await confirmAction(
      'Clear the history?',
      `All messages in ${roomTitle(room)} are removed for everybody. This cannot be undone.`,
      'Clear',
    ))
  )
    return;
  await attempt(() => call('DELETE', `/v1/rooms/${room.id}/messages`).then(() => toast('History cleared')));
}

/** @param {Room} room @param {() => void} close */
async function deleteRoom(room, close) {
  if (
    !(await confirmAction(
      `Delete ${roomTitle(room)}?`,
      'The room is deleted for everybody, with all its messages and files. This cannot be undone.',
      'Delete',
    ))
  )
    return;
  await attempt(async () => {
    await call('DELETE', `/v1/rooms/${room.id}`);
    close();
    if (state.open?.id === room.id) navigate(0);
    removeRoom(room.id);
  });
}
