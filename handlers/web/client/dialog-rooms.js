// Making a channel, finding one, coming in with an invite.

import { get, plain } from './api.js';
import { makeForm, openDialog } from './dialogs.js';
import { debounce, fill, h } from './dom.js';
import { count } from './format.js';
import { createRoom, joinRoom, redeem } from './rooms.js';
import { go } from './router.js';
import { state } from './store.js';
import { choice, empty, field, roomIcon, spinner, toast } from './ui.js';

export function createDialog() {
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
        field('What it is about', { name: 'description', maxlength: 1000, autocomplete: 'off' }),
        choice(
          'Who may come in',
          'kind',
          [
            ['public', 'Public', 'Everybody may find, read and join it.'],
            ['private', 'Private', 'Only who is invited; nobody else knows of it.'],
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
        const made = await createRoom(room);
        dialog.close();
        go(made.id);
      },
    }),
  );
}

export function browseDialog() {
  openDialog(
    'Public channels',
    ({ close, signal }) => {
      const list = h('div.dialog-list', { 'aria-live': 'polite' }, spinner());
      const input = h('input.input', {
        type: 'search',
        placeholder: 'Find by the start of the name',
        'aria-label': 'Find channels',
        autofocus: true,
        oninput: debounce(200, () => run('')),
        maxlength: 128,
      });
      let asked = 0;
      void run('');
      return [input, list];

      /** @param {string} cursor */
      async function run(cursor) {
        const mine = ++asked;
        const q = input.value.trim();
        try {
          const { items, next_cursor } = await get(
            `/v1/rooms/search?limit=50${q && `&prefix=${encodeURIComponent(q)}`}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
            { signal },
          );
          if (mine !== asked) return;
          if (!cursor)
            fill(
              list,
              items.length
                ? h('ul')
                : empty(
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
            list.append(h('button.plain.wide.more', { type: 'button', onclick: () => run(next_cursor) }, 'Show more'));
        } catch (err) {
          if (!signal.aborted) fill(list, empty('alert', 'The channels could not be read', plain(err)));
        }
      }

      /** @param {import('./types').Room} room */
      function row(room) {
        const inside = state.rooms.has(room.id);
        return h(
          'li.list-row',
          {},
          roomIcon(room, 'm'),
          h(
            'div.list-words',
            {},
            h('strong', {}, h('bdi', {}, room.name ?? room.handle)),
            h('span', {}, [count(room.member_count, 'member'), room.description].filter(Boolean).join(' · ')),
          ),
          h(
            'button',
            {
              type: 'button',
              class: inside ? 'plain small' : 'primary small',
              onclick: async (/** @type {any} */ e) => {
                e.currentTarget.setAttribute('aria-busy', 'true');
                try {
                  if (!inside) await joinRoom(room.id);
                  close();
                  go(room.id);
                } catch (err) {
                  toast(plain(err), true);
                  e.target.removeAttribute('aria-busy');
                }
              },
              'aria-label': `${inside ? 'Open' : 'Join'} ${room.name ?? room.handle}`,
            },
            inside ? 'Open' : 'Join',
          ),
        );
      }
    },
    'wide',
  );
}

/** @param {string} [code] */
export function redeemDialog(code = '') {
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
          const room = await redeem(decodeURIComponent(v.code.trim().split('/').pop() ?? '') || ' ');
          dialog.close();
          go(room.id);
        },
      }),
    'narrow',
  );
}
