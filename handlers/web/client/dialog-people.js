// The dialog of contacts and blocked people, with a search for other people.

import { get, describeError } from './api.js';
import { openDialog } from './dialogs.js';
import { debounce, fill, h, iconButton } from './dom.js';
import { openDirect } from './rooms.js';
import { navigate } from './router.js';
import { isMe, state, watch } from './store.js';
import { setBlocked, setContact } from './people.js';
import { attempt, avatar, emptyState, nameElement, spinner, toast } from './ui.js';
import { openUserDialog } from './dialog-user.js';

/** @typedef {import('./types').User} User */

export function openPeopleDialog() {
  openDialog('People', ({ close, signal }) => {
    let tab = 'contacts';
    /** @type {User[] | null} */
    let found = null;
    const list = h('div.dialog-list', {});
    const input = h('input.input', {
      type: 'search',
      placeholder: 'Find people by username',
      'aria-label': 'Find people by username',
      autofocus: true,
      maxlength: 32,
      autocomplete: 'off',
      oninput: debounce(200, () => find()),
    });
    const tabs = h(
      'div.segments',
      { role: 'group', 'aria-label': 'List' },
      [
        ['contacts', 'Contacts'],
        ['blocked', 'Blocked'],
      ].map(([name, label]) =>
        h(
          'button',
          {
            type: 'button',
            'aria-pressed': String(tab === name),
            onclick: (/** @type {any} */ e) => {
              tab = name;
              for (const b of tabs.children) b.setAttribute('aria-pressed', String(b === e.currentTarget));
              render();
            },
          },
          label,
        ),
      ),
    );
    watch(['people'], render, signal);
    render();
    return [input, tabs, list];

    async function find() {
      const q = input.value.trim().replace(/^@/, '');
      if (!q) found = null;
      else {
        fill(list, spinner());
        try {
          found = (await get(`/v1/users?limit=30&prefix=${encodeURIComponent(q)}`, { signal })).items.filter(
            (/** @type {User} */ u) => !isMe(u.id),
          );
        } catch (err) {
          if (!signal.aborted) toast(describeError(err), true);
        }
      }
      render();
    }

    function render() {
      tabs.hidden = Boolean(found);
      const users = found ?? [...(tab === 'contacts' ? state.contacts : state.blocked).values()];
      if (users.length) fill(list, h('ul', {}, users.map(row)));
      else if (found) fill(list, emptyState('search', 'Nobody found', 'No username starts with this.'));
      else if (tab === 'contacts')
        fill(
          list,
          emptyState('users', 'No contacts yet', 'Find people above and add them: you will see when they are online.'),
        );
      else fill(list, emptyState('ban', 'Nobody is blocked', 'People you block cannot send you direct messages.'));
    }

    /** @param {User} user */
    function row(user) {
      const isBlocked = state.blocked.has(user.id);
      const isContact = state.contacts.has(user.id);
      return h(
        'li.list-row',
        {},
        h(
          'button.person',
          { type: 'button', onclick: () => openUserDialog(user, close) },
          avatar(user, 'm', true),
          h('span.list-words', {}, h('strong', {}, nameElement(user)), h('span', {}, '@' + user.username)),
        ),
        isBlocked
          ? h(
              'button.plain.small',
              { type: 'button', onclick: () => attempt(() => setBlocked(user, false)) },
              'Unblock',
            )
          : [
              !isContact &&
                iconButton('plus', `Add ${user.display_name} to your contacts`, {
                  onclick: () => attempt(() => setContact(user, true).then(render)),
                }),
              h(
                'button.plain.small',
                {
                  type: 'button',
                  'aria-label': `Message ${user.display_name}`,
                  onclick: () =>
                    attempt(() =>
                      openDirect(user.id).then((room) => {
                        close();
                        navigate(room.id);
                      }),
                    ),
                },
                'Message',
              ),
            ],
      );
    }
  });
}
