// The header of the open room: its name, the buttons of the panels, and the room's menu.

import { showUserCard } from './actions.js';
import { confirmAction } from './dialogs.js';
import { fill, h, icon, iconButton } from './dom.js';
import { formatAgo } from './format.js';
import { openMenu } from './menu.js';
import { leaveRoom, setMuted } from './rooms.js';
import { navigate, roomHash } from './router.js';
import { canModerate, notify, partnerOf, roomTitle, state } from './store.js';
import { attempt, avatar, copyToClipboard, roomIcon } from './ui.js';

const loadSettings = () => import('./dialog-settings.js');

/**
 * The header of a room. Its buttons are made once: a dialog returns the focus to the button that had it, which must
 * still be there when the room has changed in the meantime.
 * @param {import('./types').Room} room
 */
export function roomHead(room) {
  const isDirect = room.kind === 'direct';
  const title = h('bdi', {});
  const subtitle = h('bdi', {});
  const subtitleLine = h('p', {}, subtitle);
  /** @type {import('./types').UserRef | undefined} of a direct room; absent once the account is deleted */
  let partner;
  const profile = h('button.head-who', { type: 'button', onclick: () => partner && showUserCard(partner) });
  const emblem = h('span.head-icon', {});
  const memberCount = h('span', {});
  /** @type {Record<'search' | 'pins' | 'members', HTMLElement>} */
  const toggles = {
    search: iconButton('search', 'Search in this room', panelToggle('search')),
    pins: iconButton('pin', 'Pinned messages', { class: 'head-pins', ...panelToggle('pins') }),
    members: h(
      'button.icon-button.with-count',
      { type: 'button', title: 'Members', ...panelToggle('members') },
      icon('users'),
      memberCount,
    ),
  };
  const more = iconButton('more', 'More', { 'aria-haspopup': 'menu', onclick: () => openRoomMenu(more) });
  const el = h(
    'header.room-head',
    {},
    iconButton('back', 'Back to the rooms', { class: 'back', onclick: () => navigate(0) }),
    profile,
    emblem,
    h('div.head-words', {}, h('h1', {}, title), subtitleLine),
    h('div.head-buttons', {}, toggles.search, toggles.pins, !isDirect && toggles.members, more),
  );
  return { el, update };

  /** Shows the room as it is now. @param {import('./types').Room} now */
  function update(now) {
    partner = isDirect ? partnerOf(now) : undefined;
    profile.hidden = !partner;
    emblem.hidden = Boolean(partner);
    if (partner) {
      profile.setAttribute('aria-label', `Profile of ${partner.display_name}`);
      fill(profile, avatar(partner, 'm', true));
    } else fill(emblem, roomIcon(now, 'm'));
    title.textContent = roomTitle(now);
    subtitle.textContent = (isDirect ? partner && presenceText(partner) : now.description) || '';
    subtitleLine.title = subtitle.textContent;
    subtitleLine.hidden = !subtitle.textContent;
    memberCount.textContent = now.member_count.toLocaleString();
    toggles.members.setAttribute('aria-label', `Members, ${now.member_count}`);
    for (const [which, button] of Object.entries(toggles))
      button.setAttribute('aria-pressed', String(state.panel === which));
  }
}

/** @param {'members' | 'pins' | 'search'} which */
function panelToggle(which) {
  return {
    dataset: { head: which },
    onclick: () => {
      state.panel = state.panel === which ? '' : which;
      if (which === 'members') localStorage.setItem('parley.members', state.panel ? '1' : '');
      notify('panel');
    },
  };
}

/** @param {HTMLElement} button */
function openRoomMenu(button) {
  const now = state.open;
  if (!now) return;
  const member = now.membership;
  const direct = now.kind === 'direct';
  openMenu(button, 'Room', [
    ...(member
      ? [
          {
            label: member.muted ? 'Unmute' : 'Mute',
            icon: member.muted ? 'bell' : 'muted',
            act: () => attempt(() => setMuted(now.id, !member.muted)),
          },
        ]
      : []),
    {
      label: 'Pinned messages',
      icon: 'pin',
      act: () => {
        state.panel = 'pins';
        notify('panel');
      },
    },
    {
      label: 'Copy link',
      icon: 'link',
      act: () => copyToClipboard(location.origin + '/' + roomHash(now.id), 'Link'),
    },
    ...(canModerate(now)
      ? [
          { label: 'Invite people', icon: 'invite', act: async () => (await loadSettings()).openInviteDialog(now) },
          { label: 'Room settings', icon: 'gear', act: async () => (await loadSettings()).openSettingsDialog(now) },
        ]
      : []),
    ...(member && !direct ? [null, { label: 'Leave', icon: 'leave', danger: true, act: () => confirmLeave(now) }] : []),
  ]);
}

/** The online status of a user; empty while it is unknown. @param {import('./types').UserRef} user */
function presenceText({ id }) {
  if (!state.online.has(id)) return '';
  const seen = state.lastSeen.get(id);
  return state.online.get(id) ? 'Online' : seen ? `Last seen ${formatAgo(seen)}` : 'Offline';
}

/** @param {import('./types').Room} room */
async function confirmLeave(room) {
  const text = room.kind === 'private' ? 'You can only join again with an invite.' : 'You can join again at any time.';
  if (!(await confirmAction(`Leave ${roomTitle(room)}?`, text, 'Leave'))) return;
  await attempt(() => leaveRoom(room.id).then(() => navigate(0)));
}
