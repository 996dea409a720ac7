// The profile of another user, with the actions on them.

import { call, get, describeError } from './api.js';
import { confirmAction, makeForm, openDialog } from './dialogs.js';
import { fill, h } from './dom.js';
import { formatAgo } from './format.js';
import { updateUser, refreshMembers, setBlocked, setContact } from './people.js';
import { openDirect } from './rooms.js';
import { navigate } from './router.js';
import { notify, isMe, canModerate, roomTitle, state, watch } from './store.js';
import { attempt, avatar, field, nameElement, radioGroup, toast } from './ui.js';

/** @typedef {import('./types').User} User */
/** @typedef {import('./types').UserRef} UserRef */

/** @param {UserRef} ref @param {() => void} [onNavigate] called before the page goes to another room */
export function openUserDialog(ref, onNavigate) {
  openDialog(
    'Profile',
    ({ close, signal }) => {
      const body = h('div.card', {});
      /** @type {User | null} */
      let user = null;
      let role = state.members.get(ref.id)?.role;
      render();
      watch(
        ['members'],
        () => {
          // The user may join, or get another role, while the dialog is open.
          if (role === state.members.get(ref.id)?.role) return;
          role = state.members.get(ref.id)?.role;
          render();
        },
        signal,
      );
      get(`/v1/users/${ref.id}`, { signal }).then(
        (u) => {
          user = u;
          updateUser(u);
          notify('people', 'members');
          render();
        },
        (err) => {
          if (!signal.aborted)
            fill(body, h('p', {}, err.status === 404 ? 'This account was deleted.' : describeError(err)));
        },
      );
      return body;

      function render() {
        const shown = user ?? ref;
        fill(
          body,
          h(
            'div.card-head',
            {},
            avatar(shown, 'xl', true),
            h(
              'div',
              {},
              h('p.card-name', {}, nameElement(shown)),
              h('p.card-sub', {}, '@' + shown.username, user?.guest && h('span.tag', {}, 'Guest')),
              h('p.card-sub', {}, status()),
            ),
          ),
          user?.description && h('p.card-text', { dir: 'auto' }, user.description),
          !isMe(ref.id) &&
            h(
              'div.actions',
              {},
              !state.blocked.has(ref.id) &&
                h(
                  'button.primary',
                  {
                    type: 'button',
                    onclick: () =>
                      attempt(() =>
                        openDirect(ref.id).then((room) => {
                          close();
                          onNavigate?.();
                          navigate(room.id);
                        }),
                      ),
                  },
                  'Message',
                ),
              toggle(state.contacts.has(ref.id), 'Add to contacts', 'Remove from contacts', (on) =>
                setContact(ref, on),
              ),
              toggle(state.blocked.has(ref.id), 'Block', 'Unblock', (on) => setBlocked(ref, on)),
            ),
          moderationSection(),
        );
      }

      function status() {
        if (state.online.get(ref.id)) return 'Online';
        return user?.last_seen_at ? `Last seen ${formatAgo(user.last_seen_at)}` : user ? 'Offline' : ' ';
      }

      /** @param {boolean} isOn @param {string} on @param {string} off @param {(on: boolean) => Promise<any>} set */
      function toggle(isOn, on, off, set) {
        return h(
          'button.plain',
          { type: 'button', onclick: () => attempt(() => set(!isOn).then(render)) },
          isOn ? off : on,
        );
      }

      function moderationSection() {
        const room = state.open;
        if (!room || !canModerate(room) || isMe(ref.id)) return false;
        const member = state.members.get(ref.id);
        const isOwner = room.membership?.role === 'owner';
        if (!isOwner && member?.role === 'owner') return false;
        const base = `/v1/rooms/${room.id}`;
        const done = () => refreshMembers(0).then(() => render());
        const roles =
          member &&
          h(
            'div.field',
            {},
            h('label', { for: 'card-role' }, 'Role'),
            h(
              'select.input',
              {
                id: 'card-role',
                onchange: (/** @type {any} */ e) =>
                  attempt(() =>
                    call('PUT', `${base}/members/${ref.id}`, { body: { role: e.target.value } }).then(done),
                  ),
              },
              ['member', 'moderator', ...(isOwner ? ['owner'] : [])].map((r) =>
                h('option', { value: r, selected: r === member.role }, r[0].toUpperCase() + r.slice(1)),
              ),
            ),
          );
        return h(
          'section.card-section',
          {},
          h('h3', {}, 'In ', h('bdi', {}, roomTitle(room))),
          roles,
          h(
            'div.actions',
            {},
            !member &&
              h(
                'button.plain',
                {
                  type: 'button',
                  onclick: () => attempt(() => call('PUT', `${base}/members/${ref.id}`, { body: {} }).then(done)),
                },
                'Add to the room',
              ),
            member &&
              h(
                'button.plain',
                {
                  type: 'button',
                  onclick: async () => {
                    if (
                      await confirmAction(
                        `Remove ${ref.display_name}?`,
                        'They can join again if the room is public, or with an invite.',
                        'Remove',
                      )
                    )
                      attempt(() => call('DELETE', `${base}/members/${ref.id}`).then(done));
                  },
                },
                'Remove from the room',
              ),
            h(
              'button.plain.dangerous',
              { type: 'button', onclick: () => openBanDialog(ref, () => attempt(() => done())) },
              'Ban…',
            ),
          ),
        );
      }
    },
    'narrow',
  );
}

/** @param {UserRef} user @param {() => void} done */
function openBanDialog(user, done) {
  const room = state.open;
  if (!room) return;
  const dialog = openDialog(
    `Ban ${user.display_name}`,
    () =>
      makeForm({
        action: 'Ban',
        danger: true,
        fields: [
          h('p', {}, 'They are removed, and cannot read the room or join it again while the ban lasts.'),
          field(
            'Reason',
            { name: 'reason', maxlength: 500, autocomplete: 'off' },
            'Optional. They and the members can read it.',
          ),
          radioGroup(
            'Duration',
            'days',
            [
              ['1', 'A day'],
              ['7', 'A week'],
              ['', 'Permanent'],
            ],
            '',
          ),
        ],
        submit: async (v) => {
          const until = v.days ? new Date(Date.now() + Number(v.days) * 86_400_000).toISOString() : undefined;
          await call('PUT', `/v1/rooms/${room.id}/bans/${user.id}`, {
            body: { ...(v.reason.trim() && { reason: v.reason.trim() }), ...(until && { until }) },
          });
          dialog.close();
          toast(`${user.display_name} is banned`);
          done();
        },
      }),
    'narrow',
  );
}
