// The open room: its header, the timeline, the composer, and the panel beside them.

import { Composer } from './composer.js';
import { fill, h, icon } from './dom.js';
import { panelView } from './panel.js';
import { addLayer, syncHistory } from './layers.js';
import { navigate } from './router.js';
import { roomHead } from './room-head.js';
import { joinRoom } from './rooms.js';
import { notify, roomTitle, state, watch } from './store.js';
import { Timeline } from './timeline.js';
import { attempt, emptyState, spinner } from './ui.js';
import { watchFoot } from './viewport.js';

/** @param {import('./types').Room} room @param {AbortSignal} signal */
export function roomView(room, signal) {
  const head = roomHead(room);
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
  const column = h('div.room-column', {}, head.el, timeline.el, foot, dropOverlay);
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
    head.update(now);
    el.setAttribute('aria-label', roomTitle(now));
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
              await attempt(() => joinRoom(now.id));
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
