// The open room: its head, its messages, where one writes, and the panel beside them.

import { plain } from './api.js';
import { Composer } from './composer.js';
import { fill, h, icon, iconButton } from './dom.js';
import { count, ago } from './format.js';
import { openMenu } from './menu.js';
import { panelView } from './panel.js';
import { addLayer, balance } from './layers.js';
import { go } from './router.js';
import { joinRoom, leaveRoom, mute } from './rooms.js';
import { changed, moderates, partnerOf, roomTitle, state, watch } from './store.js';
import { Timeline } from './timeline.js';
import { avatar, empty, roomIcon, spinner, toast } from './ui.js';
import { confirmed } from './dialogs.js';
import { userCard } from './actions.js';
import { copy } from './ui.js';
import { address } from './router.js';
import { watchFoot } from './viewport.js';

const settings = () => import('./dialog-settings.js');

/** @param {import('./types').Room} room @param {AbortSignal} signal */
export function roomView(room, signal) {
  const head = h('header.room-head', {});
  const timeline = new Timeline(room, signal);
  const foot = h('div.room-foot', {});
  const panel = h('aside.panel', { hidden: true });
  /** @type {Composer | null} */
  let composer = null;
  const drop = h(
    'div.drop',
    { hidden: true, 'aria-hidden': 'true' },
    icon('attach', 32),
    h('p', {}, `Drop files to send them to ${roomTitle(room)}`),
  );
  const column = h('div.room-column', {}, head, timeline.el, foot, drop);
  const el = h('main.room-view', { 'aria-label': roomTitle(room) }, column, panel);
  watch(['rooms', 'people', 'members', 'panel', 'pins'], renderHead, signal);
  watch(['rooms', 'route', 'people'], renderFoot, signal);
  watch(['panel'], renderPanel, signal);
  receiveDrops();
  watchFoot(foot, signal);
  renderHead();
  renderFoot();
  renderPanel();
  return { el, timeline, focus: () => composer?.focus() };

  function renderHead() {
    const now = state.open;
    if (!now || now.id !== room.id) return;
    const partner = partnerOf(now);
    const direct = now.kind === 'direct';
    const title = h('h1', {}, h('bdi', {}, roomTitle(now)));
    const sub = direct ? partner && statusOf(partner) : now.description;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.head;
    fill(
      head,
      iconButton('back', 'Back to the rooms', { class: 'back', onclick: () => go(0) }),
      direct && partner
        ? h(
            'button.head-who',
            { type: 'button', 'aria-label': `Profile of ${partner.display_name}`, onclick: () => userCard(partner) },
            avatar(partner, 'm', true),
          )
        : h('span.head-icon', {}, roomIcon(now, 'm')),
      h('div.head-words', {}, title, sub && h('p', { title: sub }, h('bdi', {}, sub))),
      h(
        'div.head-buttons',
        {},
        iconButton('search', 'Search in this room', toggles('search')),
        iconButton('pin', 'Pinned messages', { class: 'head-pins', ...toggles('pins') }),
        direct
          ? false
          : h(
              'button.icon-button.with-count',
              { type: 'button', ...toggles('members'), 'aria-label': `Members, ${now.member_count}`, title: 'Members' },
              icon('users'),
              h('span', {}, now.member_count.toLocaleString()),
            ),
        iconButton('more', 'More', {
          'aria-haspopup': 'menu',
          dataset: { head: 'more' },
          onclick: (/** @type {any} */ e) => menu(e.currentTarget),
        }),
      ),
    );
    if (focused) /** @type {HTMLElement | null} */ (head.querySelector(`[data-head="${focused}"]`))?.focus();
    el.setAttribute('aria-label', roomTitle(now));
  }

  /** @param {'members' | 'pins' | 'search'} which */
  function toggles(which) {
    return {
      'aria-pressed': String(state.panel === which),
      dataset: { head: which },
      onclick: () => {
        state.panel = state.panel === which ? '' : which;
        if (which === 'members') localStorage.setItem('parley.members', state.panel ? '1' : '');
        changed('panel');
      },
    };
  }

  /** @param {HTMLElement} button */
  function menu(button) {
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
              act: () => attempt(mute(now.id, !member.muted)),
            },
          ]
        : []),
      {
        label: 'Pinned messages',
        icon: 'pin',
        act: () => {
          state.panel = 'pins';
          changed('panel');
        },
      },
      { label: 'Copy link', icon: 'link', act: () => copy(location.origin + '/' + address(now.id), 'Link') },
      ...(moderates(now)
        ? [
            { label: 'Invite people', icon: 'invite', act: async () => (await settings()).inviteDialog(now) },
            { label: 'Room settings', icon: 'gear', act: async () => (await settings()).settingsDialog(now) },
          ]
        : []),
      ...(member && !direct ? [null, { label: 'Leave', icon: 'leave', danger: true, act: () => leave(now) }] : []),
    ]);
  }

  function renderFoot() {
    const now = state.open;
    const writes = Boolean(now?.membership);
    if ((writes && composer) || !now) return;
    if (writes) {
      composer = new Composer(now, () => timeline.wrote(), signal);
      const joined = foot.contains(document.activeElement);
      fill(foot, composer.el);
      if (joined) composer.focus();
      return;
    }
    composer = null;
    fill(
      foot,
      h(
        'div.join-bar',
        {},
        h('p', {}, `You are looking at ${roomTitle(now)}. Join to write and to be told of what is new.`),
        h(
          'button.primary',
          {
            type: 'button',
            onclick: async (/** @type {any} */ e) => {
              e.currentTarget.setAttribute('aria-busy', 'true');
              await attempt(joinRoom(now.id));
              changed('route');
            },
          },
          'Join',
        ),
      ),
    );
  }

  function renderPanel() {
    panel.hidden = !state.panel;
    el.classList.toggle('with-panel', Boolean(state.panel));
    if (panel.dataset.shows === state.panel) return;
    panel.dataset.shows = state.panel;
    fill(panel, state.panel ? panelView(state.panel, room, signal) : false);
    if (state.panel && matchMedia('(max-width: 640px)').matches) coverWith(state.panel);
    else balance();
    panel.setAttribute(
      'aria-label',
      { members: 'Members', pins: 'Pinned messages', search: 'Search', '': 'Nothing' }[state.panel],
    );
    // Over the messages, it takes the focus; beside them, only what one types into does.
    if (state.panel === 'search') panel.querySelector('input')?.focus();
    else if (state.panel && matchMedia('(max-width: 899px)').matches) panel.querySelector('button')?.focus();
  }

  /** On a small screen the panel covers the room, and Back closes it. @param {string} which */
  function coverWith(which) {
    addLayer({
      isOpen: () => panel.isConnected && panel.dataset.shows === which,
      close: () => {
        state.panel = '';
        changed('panel');
      },
    });
  }

  function receiveDrops() {
    let depth = 0;
    const files = (/** @type {DragEvent} */ e) => composer && e.dataTransfer?.types.includes('Files');
    const show = (/** @type {boolean} */ on) => {
      drop.hidden = !on;
    };
    column.addEventListener('dragenter', (/** @type {DragEvent} */ e) => {
      if (files(e)) show(++depth > 0);
    });
    column.addEventListener('dragleave', (/** @type {DragEvent} */ e) => {
      if (files(e)) show(--depth > 0);
    });
    column.addEventListener('dragover', (/** @type {DragEvent} */ e) => {
      if (files(e)) e.preventDefault();
    });
    column.addEventListener('drop', (/** @type {DragEvent} */ e) => {
      depth = 0;
      show(false);
      if (!files(e) || !e.dataTransfer) return;
      e.preventDefault();
      composer?.attach(e.dataTransfer.files);
    });
  }
}

/** Whether somebody is online, or nothing as long as that is not known. @param {import('./types').UserRef} user */
function statusOf({ id }) {
  if (!state.online.has(id)) return '';
  const seen = state.lastSeen.get(id);
  return state.online.get(id) ? 'Online' : seen ? `Last seen ${ago(seen)}` : 'Offline';
}

/** @param {Promise<any>} promise */
async function attempt(promise) {
  try {
    await promise;
  } catch (err) {
    toast(plain(err), true);
  }
}

/** @param {import('./types').Room} room */
async function leave(room) {
  const text =
    room.kind === 'private' ? 'You can only come back with an invite.' : 'You can join again whenever you like.';
  if (!(await confirmed(`Leave ${roomTitle(room)}?`, text, 'Leave'))) return;
  await attempt(leaveRoom(room.id).then(() => go(0)));
}

/** What is there when no room is open. @param {string} error */
export function noRoom(error) {
  const back = h('button.plain', { type: 'button', onclick: () => go(0) }, 'Back to the rooms');
  return h(
    'main.room-view.none',
    { 'aria-label': 'No room' },
    error
      ? empty('alert', 'This room cannot be opened', error, back)
      : state.roomsLoaded
        ? empty('chat', 'Choose a room', 'Pick one on the left, or press Ctrl+K to find rooms, people and messages.')
        : spinner(),
  );
}
