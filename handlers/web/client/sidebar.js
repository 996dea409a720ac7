// The sidebar: the list of rooms, and the user's name and menu below it.

import { fill, h, icon, iconButton, KeyedList } from './dom.js';
import { roomHash } from './router.js';
import { sortByActivity } from './rooms.js';
import { partnerOf, roomTitle, state, watch } from './store.js';
import { avatar, nameElement, roomIcon } from './ui.js';
import { openMenu } from './menu.js';
import { chosenTheme, setTheme } from './settings.js';
import { openUpgradeDialog } from './auth.js';
import { logOut } from './session.js';
import { describeError } from './api.js';
import { toast } from './ui.js';

/** @typedef {import('./types').Room} Room */

const loadRoomDialogs = () => import('./dialog-rooms.js');
const loadPeopleDialog = () => import('./dialog-people.js');
const loadProfileDialog = () => import('./dialog-profile.js');

/** @param {AbortSignal} signal */
export function sidebar(signal) {
  let filter = '';
  const input = h('input.input', {
    type: 'search',
    placeholder: 'Filter rooms',
    'aria-label': 'Filter rooms',
    autocomplete: 'off',
    oninput: () => {
      filter = input.value.trim().toLocaleLowerCase();
      render();
    },
    onkeydown: (/** @type {KeyboardEvent} */ e) => {
      if (e.key === 'Escape' && input.value) {
        e.stopPropagation();
        input.value = filter = '';
        render();
      }
      if (e.key === 'Enter') nav.querySelector('a')?.click();
    },
  });
  const channels = section('Channels', 'Add a channel', (button) =>
    openMenu(button, 'Add a channel', [
      { label: 'Create a channel', icon: 'plus', act: async () => (await loadRoomDialogs()).openCreateRoomDialog() },
      {
        label: 'Browse public channels',
        icon: 'compass',
        act: async () => (await loadRoomDialogs()).openBrowseDialog(),
      },
      { label: 'Use an invite', icon: 'invite', act: async () => (await loadRoomDialogs()).openRedeemDialog() },
    ]),
  );
  const directs = section('Direct messages', 'New direct message', async () =>
    (await loadPeopleDialog()).openPeopleDialog(),
  );
  const noMatch = h('p.sidebar-quiet', { hidden: true });
  const nav = h('nav.room-list', { 'aria-label': 'Rooms' }, channels.el, directs.el, noMatch);
  const me = h('div.me', {});
  const skip = h(
    'button.skip.plain',
    { type: 'button', onclick: () => document.querySelector('textarea')?.focus() },
    'Skip to the message field',
  );
  const el = h(
    'div.sidebar',
    { role: 'complementary', 'aria-label': 'Your rooms' },
    skip,
    h(
      'div.sidebar-head',
      {},
      h('img', { src: '/client/icon.svg', alt: '', width: 24, height: 24 }),
      h('h1', {}, 'Parley'),
      h(
        'button.find',
        {
          type: 'button',
          onclick: async () => (await import('./switcher.js')).openSwitcher(),
          'aria-label': 'Find rooms, people and messages, Ctrl K',
          title: 'Find (Ctrl+K)',
        },
        icon('search', 18),
        h('kbd', { 'aria-hidden': 'true' }, 'Ctrl K'),
      ),
    ),
    h('div.sidebar-filter', {}, input),
    nav,
    me,
  );
  watch(['rooms', 'route', 'people'], render, signal);
  watch(['me'], renderMe, signal);
  render();
  renderMe();
  return el;

  function render() {
    const all = sortByActivity([...state.rooms.values()]).filter((r) => !filter || searchText(r).includes(filter));
    const direct = all.filter((r) => r.kind === 'direct');
    const other = all.filter((r) => r.kind !== 'direct');
    channels.list.set(other);
    directs.list.set(direct);
    channels.el.hidden = Boolean(filter) && !other.length;
    directs.el.hidden = Boolean(filter) && !direct.length;
    channels.none.hidden = other.length > 0 || !state.roomsLoaded;
    directs.none.hidden = direct.length > 0 || !state.roomsLoaded;
    noMatch.hidden = all.length > 0 || !filter;
    noMatch.textContent = `The name of no room contains “${input.value.trim()}”.`;
  }

  function renderMe() {
    const { me: user } = state;
    if (!user) return;
    fill(
      me,
      avatar(user, 'm'),
      h('div.me-name', {}, nameElement(user), h('span', {}, user.guest ? 'Guest' : '@' + user.username)),
      user.guest &&
        h('button.plain.small', { type: 'button', onclick: () => openUpgradeDialog(user.username) }, 'Keep account'),
      iconButton('gear', 'Your menu', {
        'aria-haspopup': 'menu',
        onclick: (/** @type {any} */ e) => openUserMenu(e.currentTarget),
      }),
    );
  }

  /** @param {HTMLElement} button */
  function openUserMenu(button) {
    const dark = chosenTheme() === 'dark';
    openMenu(button, 'Your menu', [
      { label: 'Profile and account', icon: 'user', act: async () => (await loadProfileDialog()).openProfileDialog() },
      {
        label: 'Contacts and blocked people',
        icon: 'users',
        act: async () => (await loadPeopleDialog()).openPeopleDialog(),
      },
      {
        label: dark ? 'Light theme' : 'Dark theme',
        icon: dark ? 'sun' : 'moon',
        act: () => setTheme(dark ? 'light' : 'dark'),
      },
      { label: 'System theme', icon: 'gear', act: () => setTheme('') },
      null,
      {
        label: 'Log out',
        icon: 'leave',
        danger: true,
        act: async () => {
          const guest = state.me?.guest;
          const { confirmAction } = await import('./dialogs.js');
          if (
            guest &&
            !(await confirmAction(
              'Log out as a guest?',
              'A guest is deleted at log-out, with their rooms and messages. Create an account first to keep them.',
              'Log out',
            ))
          )
            return;
          logOut().catch((err) => toast(describeError(err), true));
        },
      },
    ]);
  }
}

/** The text that the filter searches. @param {Room} room */
const searchText = (room) =>
  `${roomTitle(room)} ${room.handle ?? ''} ${partnerOf(room)?.username ?? ''}`.toLocaleLowerCase();

/** @param {string} title @param {string} label @param {(button: HTMLElement) => void} add */
function section(title, label, add) {
  const id = `rooms-${title.split(' ')[0].toLowerCase()}`;
  const ul = h('ul', { 'aria-labelledby': id });
  const none = h(
    'p.sidebar-quiet',
    { hidden: true },
    title === 'Channels'
      ? 'No channels yet. Create one, or browse the public ones.'
      : 'No conversations yet. Press + to start one.',
  );
  const list = new KeyedList(ul, (/** @type {Room} */ r) => String(r.id), signature, row);
  const el = h(
    'section',
    {},
    h(
      'header',
      {},
      h('h2', { id }, title),
      iconButton('plus', label, { onclick: (/** @type {any} */ e) => add(e.currentTarget) }),
    ),
    ul,
    none,
  );
  return { el, list, none };
}

/** @param {Room} r */
function signature(r) {
  const partner = partnerOf(r);
  const m = r.membership;
  return [
    roomTitle(r),
    r.kind,
    m?.unread_count,
    m?.muted,
    state.open?.id === r.id,
    partner && state.online.get(partner.id),
  ].join('|');
}

/** @param {Room} r */
function row(r) {
  const unread = r.membership?.unread_count ?? 0;
  const muted = r.membership?.muted ?? false;
  const partner = partnerOf(r);
  const online = partner && state.online.get(partner.id);
  const open = state.open?.id === r.id;
  return h(
    'li',
    {},
    h(
      'a.room',
      {
        href: roomHash(r.id),
        class: [unread && !muted && 'unread', muted && 'muted'].filter(Boolean).join(' '),
        'aria-current': open ? 'page' : false,
      },
      roomIcon(r),
      h('bdi.room-name', {}, roomTitle(r)),
      online && h('span.visually-hidden', {}, 'online'),
      muted && h('span.room-muted', { title: 'Muted' }, icon('muted', 14), h('span.visually-hidden', {}, 'muted')),
      unread > 0 &&
        h(
          'span.badge',
          { class: muted ? 'faint' : r.kind === 'direct' ? 'strong' : '' },
          unread > 99 ? '99+' : unread,
          h('span.visually-hidden', {}, ' unread'),
        ),
    ),
  );
}
