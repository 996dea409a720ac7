// The open room: its header, the timeline, the composer, and the panel beside them.

import { describeError } from './api.js';
import { Composer } from './composer.js';
import { fill, h, icon, iconButton } from './dom.js';
import { formatAgo } from './format.js';
import { openMenu } from './menu.js';
import { panelView } from './panel.js';
import { addLayer, syncHistory } from './layers.js';
import { navigate } from './router.js';
import { joinRoom, leaveRoom, setMuted } from './rooms.js';
import { notify, canModerate, partnerOf, roomTitle, state, watch } from './store.js';
import { Timeline } from './timeline.js';
import { avatar, emptyState, roomIcon, spinner, toast } from './ui.js';
import { confirmAction } from './dialogs.js';
import { showUserCard } from './actions.js';
import { copyToClipboard } from './ui.js';
import { roomHash } from './router.js';
import { watchFoot } from './viewport.js';

const loadSettings = () => import('./dialog-settings.js');

/** @param {import('./types').Room} room @param {AbortSignal} signal */
export function roomView(room, signal) {
  const head = h('header.room-head', {});
  const timeline = new Timeline(room, signal);
  const foot = h('div.room-foot', {});
  const panel = h('aside.panel', { hidden: true });
  /** @type {Composer | null} */
  let composer = null;
  const dropOverlay = h(
    'div.drop',
    { hidden: true, 'aria-hidden': 'true' },
    icon('attach', 32),
    h('p', {}, `Drop files to send them to ${roomTitle(room)}`),
  );
  const column = h('div.room-column', {}, head, timeline.el, foot, dropOverlay);
  const el = h('main.room-view', { 'aria-label': roomTitle(room) }, column, panel);
  watch(['rooms', 'people', 'members', 'panel', 'pins'], renderHead, signal);
  watch(['rooms', 'route', 'people'], renderFoot, signal);
  watch(['panel'], renderPanel, signal);
  watchDrops();
  watchFoot(foot, signal);
  renderHead();
  renderFoot();
  renderPanel();
  return { el, timeline, focus: () => composer?.focus() };

  function renderHead() {
    const now = state.open;
    if (!now || now.id !== room.id) return;
    const partner = partnerOf(now);
    const isDirect = now.kind === 'direct';
    const title = h('h1', {}, h('bdi', {}, roomTitle(now)));
    const sub = isDirect ? partner && presenceText(partner) : now.description;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.head;
    fill(
      head,
      iconButton('back', 'Back to the rooms', { class: 'back', onclick: () => navigate(0) }),
      isDirect && partner
        ? h(
            'button.head-who',
            {
              type: 'button',
              'aria-label': `Profile of ${partner.display_name}`,
              onclick: () => showUserCard(partner),
            },
            avatar(partner, 'm', true),
          )
        : h('span.head-icon', {}, roomIcon(now, 'm')),
      h('div.head-words', {}, title, sub && h('p', { title: sub }, h('bdi', {}, sub))),
      h(
        'div.head-buttons',
        {},
        iconButton('search', 'Search in this room', panelToggle('search')),
        iconButton('pin', 'Pinned messages', { class: 'head-pins', ...panelToggle('pins') }),
        isDirect
          ? false
          : h(
              'button.icon-button.with-count',
              {
                type: 'button',
                ...panelToggle('members'),
                'aria-label': `Members, ${now.member_count}`,
                title: 'Members',
              },
              icon('users'),
              h('span', {}, now.member_count.toLocaleString()),
            ),
        iconButton('more', 'More', {
          'aria-haspopup': 'menu',
          dataset: { head: 'more' },
          onclick: (/** @type {any} */ e) => openRoomMenu(e.currentTarget),
        }),
      ),
    );
    if (focused) /** @type {HTMLElement | null} */ (head.querySelector(`[data-head="${focused}"]`))?.focus();
    el.setAttribute('aria-label', roomTitle(now));
  }

  /** @param {'members' | 'pins' | 'search'} which */
  function panelToggle(which) {
    return {
      'aria-pressed': String(state.panel === which),
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
              act: () => attempt(setMuted(now.id, !member.muted)),
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
      ...(member && !direct
        ? [null, { label: 'Leave', icon: 'leave', danger: true, act: () => confirmLeave(now) }]
        : []),
    ]);
  }

  function renderFoot() {
    const now = state.open;
    const canWrite = Boolean(now?.membership);
    if ((canWrite && composer) || !now) return;
    if (canWrite) {
      composer = new Composer(now, () => timeline.onSent(), signal);
      const hadFocus = foot.contains(document.activeElement);
      fill(foot, composer.el);
      if (hadFocus) composer.focus();
      return;
    }
    composer = null;
    fill(
      foot,
      h(
        'div.join-bar',
        {},
        h('p', {}, `You are looking at ${roomTitle(now)}. Join to write messages and to get notifications.`),
        h(
          'button.primary',
          {
            type: 'button',
            onclick: async (/** @type {any} */ e) => {
              e.currentTarget.setAttribute('aria-busy', 'true');
              await attempt(joinRoom(now.id));
              notify('route');
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
    if (state.panel && matchMedia('(max-width: 640px)').matches) addPanelLayer(state.panel);
    else syncHistory();
    panel.setAttribute(
      'aria-label',
      { members: 'Members', pins: 'Pinned messages', search: 'Search', '': 'Nothing' }[state.panel],
    );
    // A panel that covers the messages takes the focus; beside them, only the search field does.
    if (state.panel === 'search') panel.querySelector('input')?.focus();
    else if (state.panel && matchMedia('(max-width: 899px)').matches) panel.querySelector('button')?.focus();
  }

  /** On a small screen the panel covers the room, and Back closes it. @param {string} which */
  function addPanelLayer(which) {
    addLayer({
      isOpen: () => panel.isConnected && panel.dataset.shows === which,
      close: () => {
        state.panel = '';
        notify('panel');
      },
    });
  }

  function watchDrops() {
    let depth = 0;
    const hasFiles = (/** @type {DragEvent} */ e) => composer && e.dataTransfer?.types.includes('Files');
    const show = (/** @type {boolean} */ on) => {
      dropOverlay.hidden = !on;
    };
    column.addEventListener('dragenter', (/** @type {DragEvent} */ e) => {
      if (hasFiles(e)) show(++depth > 0);
    });
    column.addEventListener('dragleave', (/** @type {DragEvent} */ e) => {
      if (hasFiles(e)) show(--depth > 0);
    });
    column.addEventListener('dragover', (/** @type {DragEvent} */ e) => {
      if (hasFiles(e)) e.preventDefault();
    });
    column.addEventListener('drop', (/** @type {DragEvent} */ e) => {
      depth = 0;
      show(false);
      if (!hasFiles(e) || !e.dataTransfer) return;
      e.preventDefault();
      composer?.attach(e.dataTransfer.files);
    });
  }
}

/** The online status of a user; empty while it is unknown. @param {import('./types').UserRef} user */
function presenceText({ id }) {
  if (!state.online.has(id)) return '';
  const seen = state.lastSeen.get(id);
  return state.online.get(id) ? 'Online' : seen ? `Last seen ${formatAgo(seen)}` : 'Offline';
}

/** @param {Promise<any>} promise */
async function attempt(promise) {
  try {
    await promise;
  } catch (err) {
    toast(describeError(err), true);
  }
}

/** @param {import('./types').Room} room */
async function confirmLeave(room) {
  const text = room.kind === 'private' ? 'You can only join again with an invite.' : 'You can join again at any time.';
  if (!(await confirmAction(`Leave ${roomTitle(room)}?`, text, 'Leave'))) return;
  await attempt(leaveRoom(room.id).then(() => navigate(0)));
}

/** The view when no room is open. @param {string} error */
export function noRoomView(error) {
  const back = h('button.plain', { type: 'button', onclick: () => navigate(0) }, 'Back to the rooms');
  return h(
    'main.room-view.none',
    { 'aria-label': 'No room' },
    error
      ? emptyState('alert', 'This room cannot be opened', error, back)
      : state.roomsLoaded
        ? emptyState(
            'chat',
            'Choose a room',
            'Pick one on the left, or press Ctrl+K to find rooms, people and messages.',
          )
        : spinner(),
  );
}
