// The dialogs to create a channel, to browse public channels, and to redeem an invite.

import { get, describeError } from './api.js';
import { makeForm, openDialog } from './dialogs.js';
import { debounce, fill, h } from './dom.js';
import { formatCount } from './format.js';
import { createRoom, joinRoom, redeemInvite } from './rooms.js';
import { navigate } from './router.js';
import { state } from './store.js';
import { radioGroup, emptyState, field, roomIcon, spinner, toast } from './ui.js';

export function openCreateRoomDialog() {
  const dialog = openDialog('Create a channel', () =>
    makeForm({
      action: 'Create',
      fields: [
        field('Name', { name: 'name', maxlength: 128, autofocus: true, autocomplete: 'off' }),
        field(
          'Short name',
          { name: 'handle', maxlength: 64, autocapitalize: 'none', autocomplete: 'off' },
          'Optional: letters, digits, “_”, “-” and “.”. No other channel can have it.',
        ),
        field('Topic', { name: 'description', maxlength: 1000, autocomplete: 'off' }),
        radioGroup(
          'Who can join',
          'kind',
          [
            ['public', 'Public', 'Everybody can find, read and join it.'],
            ['private', 'Private', 'Only invited people can join; it is hidden from others.'],
          ],
          'public',
        ),
      ],
      submit: async (v) => {
        const room = Object.fromEntries(
          Object.entries(v)
            .map(([k, text]) => [k, text.trim()])
            .filter(([, text]) => text),
        );
        if (room.handle) room.handle = room.handle.replace(/^#/, '');
        const created = await createRoom(room);
        dialog.close();
        navigate(created.id);
      },
    }),
  );
}

export function openBrowseDialog() {
  openDialog(
    'Public channels',
    ({ close, signal }) => {
      const list = h('div.dialog-list', { 'aria-live': 'polite' }, spinner());
      const input = h('input.input', {
        type: 'search',
        placeholder: 'Find by the start of the name',
        'aria-label': 'Find channels',
        autofocus: true,
        oninput: debounce(200, () => search('')),
        maxlength: 128,
      });
      let requests = 0;
      void search('');
      return [input, list];

      /** @param {string} cursor */
      async function search(cursor) {
        const request = ++requests;
        const q = input.value.trim();
        try {
          const { items, next_cursor } = await get(
            '/v1/rooms/search?limit=50' +
              (q && `&prefix=${encodeURIComponent(q)}`) +
              (cursor && `&cursor=${encodeURIComponent(cursor)}`),
            { signal },
          );
          if (request !== requests) return;
          if (!cursor)
            fill(
              list,
              items.length
                ? h('ul')
                : emptyState(
                    'compass',
                    'No channel found',
                    q
                      ? `No public channel starts with “${q}”.`
                      : 'There are no public channels yet. Create the first one.',
                  ),
            );
          for (const room of items) list.querySelector('ul')?.append(row(room));
          list.querySelector('.more')?.remove();
          if (next_cursor)
            list.append(
              h('button.plain.wide.more', { type: 'button', onclick: () => search(next_cursor) }, 'Show more'),
            );
        } catch (err) {
          if (!signal.aborted) fill(list, emptyState('alert', 'The channels could not be loaded', describeError(err)));
        }
      }

      /** @param {import('./types').Room} room */
      function row(room) {
        const isMember = state.rooms.has(room.id);
        return h(
          'li.list-row',
          {},
          roomIcon(room, 'm'),
          h(
            'div.list-words',
            {},
            h('strong', {}, h('bdi', {}, room.name ?? room.handle)),
            h('span', {}, [formatCount(room.member_count, 'member'), room.description].filter(Boolean).join(' · ')),
          ),
          h(
            'button',
            {
              type: 'button',
              class: isMember ? 'plain small' : 'primary small',
              onclick: async (/** @type {any} */ e) => {
                e.currentTarget.setAttribute('aria-busy', 'true');
                try {
                  if (!isMember) await joinRoom(room.id);
                  close();
                  navigate(room.id);
                } catch (err) {
                  toast(describeError(err), true);
                  e.target.removeAttribute('aria-busy');
                }
              },
              'aria-label': `${isMember ? 'Open' : 'Join'} ${room.name ?? room.handle}`,
            },
            isMember ? 'Open' : 'Join',
          ),
        );
      }
    },
    'wide',
  );
}

/** @param {string} [code] */
export function openRedeemDialog(code = '') {
  const dialog = openDialog(
    'Use an invite',
    () =>
      makeForm({
        action: 'Join',
        fields: [
          field('Invite link or code', {
            name: 'code',
            value: code,
            autofocus: true,
            autocomplete: 'off',
            autocapitalize: 'none',
            spellcheck: 'false',
          }),
        ],
        submit: async (v) => {
          const room = await redeemInvite(decodeURIComponent(v.code.trim().split('/').pop() ?? '') || ' ');
          dialog.close();
          navigate(room.id);
        },
      }),
    'narrow',
  );
}
