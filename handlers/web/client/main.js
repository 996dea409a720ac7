// The entry point: connects the session, the event stream and the router with the views.

import { mapImportError, get, isTransient, describeError, Problem } from './api.js';
import { authView } from './auth.js';
import { announce, fill, h, icon, pause } from './dom.js';
import { clearDrafts, forgetDrafts } from './drafts.js';
import * as events from './events.js';
import { clearHistories, cachedHistory } from './history.js';
import { watchCompositions } from './keys.js';
import { watchHistory } from './layers.js';
import { clearThumbnails } from './media.js';
import * as outbox from './outbox.js';
import { loadPeople, refreshMe, refreshMembers, refreshPeople, refreshPins } from './people.js';
import { updateRoom, loadRooms, refreshPartners, totalUnread } from './rooms.js';
import { currentRoute, replaceRoute } from './router.js';
import * as session from './session.js';
import { takeLoginResult, showLoginResult } from './social.js';
import { notify, withCurrentName, setMe, reset, roomTitle, state, watch } from './store.js';
import * as stream from './stream.js';
import { clearMissed, onServerBack, runWhenBack } from './tasks.js';
import { summarize } from './text.js';
import { emptyState } from './ui.js';
import { closeUploads } from './uploads.js';
import { watchViewport } from './viewport.js';

const app = /** @type {HTMLElement} */ (document.getElementById('app'));
let userScope = new AbortController(); // aborted when the session ends
let roomScope = new AbortController(); // aborted when another room is shown
/** @type {ReturnType<import('./room.js')['roomView']> | null} */
let view = null;
/**
 * The views of a logged-in user, which the log-in page does not load.
 * @type {Awaited<ReturnType<typeof loadViews>> | null}
 */
let views = null;
let mainSlot = h('div.main-slot');

/** Resolves when the newest session is shown. */
let begun = Promise.resolve();
session.on.began = (s) => {
  begun = beginSession(s);
};
session.on.ended = (reason) => {
  if (reason === 'log_out' || reason === 'account_deleted') {
    outbox.deleteStored();
    clearDrafts();
  }
  closeUploads();
  teardown();
  fill(app, authView(reason));
};

session.on.changed = (user) => {
  if (user.id === state.me?.id) setMe(user);
};

/** @param {import('./types').Session} s */
async function beginSession(s) {
  teardown();
  const { signal } = userScope;
  try {
    await showApp(s, signal);
  } catch (err) {
    if (!signal.aborted) showFatalError(err);
  }
}

/**
 * Shows an error that a retry cannot fix: the server refuses the request, or this program has a bug.
 * @param {unknown} err
 */
function showFatalError(err) {
  teardown();
  const reload = h('button.primary', { type: 'button', onclick: () => location.reload() }, 'Reload the page');
  fill(
    app,
    h(
      'main.auth',
      {},
      emptyState(
        'alert',
        err instanceof Problem ? 'The server refused the request' : 'This page has an error',
        describeError(err),
        reload,
      ),
    ),
  );
}

async function loadViews() {
  const [room, sidebar, switcher] = await mapImportError(
    Promise.all([import('./room.js'), import('./sidebar.js'), import('./switcher.js')]),
  );
  return { ...room, ...sidebar, ...switcher };
}

/** @param {import('./types').Session} s @param {AbortSignal} signal */
async function showApp(s, signal) {
  setMe(s.user);
  state.sessionId = s.session_id;
  views ??= await retryTransient(signal, loadViews);
  if (signal.aborted) return;
  mainSlot = h('div.main-slot', {}, views.noRoomView(''));
  fill(app, connectionBanner(signal), h('div.frame', {}, views.sidebar(signal), mainSlot));
  updateLandmarks();
  watch(['rooms', 'route'], updateTitle, signal);
  import('./lightbox.js').catch(() => {}); // preload
  await stream.join(s.user.id);
  if (signal.aborted) return;
  const cursor = await loadLists(signal);
  if (signal.aborted) return;
  stream.start(cursor);
  outbox.open(s.user.id);
  addEventListener('hashchange', () => void openRoute(), { signal });
  watch(['route'], () => void showRoom(), signal);
  await openRoute();
}

function teardown() {
  userScope.abort();
  roomScope.abort();
  userScope = new AbortController();
  view = null;
  shownRoom = '';
  stream.stop();
  outbox.close();
  hadStream = false;
  reset();
  clearMissed();
  clearHistories();
  forgetDrafts();
  clearThumbnails();
  for (const dialog of document.querySelectorAll('dialog[open]')) /** @type {HTMLDialogElement} */ (dialog).close();
  document.title = 'Parley';
}

/**
 * Loads the rooms and the people of the sidebar, and retries until it succeeds.
 * @param {AbortSignal} signal @returns {Promise<string>} the cursor that the stream starts from
 */
const loadLists = (signal) =>
  retryTransient(signal, async () => {
    const cursor = await loadRooms();
    await loadPeople();
    return cursor;
  });

/**
 * Runs f again while it fails with a transient error.
 * @template T @param {AbortSignal} signal @param {() => Promise<T>} f @returns {Promise<T>}
 */
async function retryTransient(signal, f) {
  for (let tries = 0; ; tries++) {
    try {
      return await f();
    } catch (err) {
      if (signal.aborted || !isTransient(err)) throw err;
      await pause(Math.min(10_000, 500 * 2 ** tries));
    }
  }
}

stream.on.event = (name, data) => {
  switch (name) {
    case 'ready':
      onServerBack();
      outbox.wake();
      void refreshMembers(0);
      if (data.resumed && hadStream) {
        void refreshPeople();
        void refreshPartners();
        void refreshMe();
      }
      hadStream = true;
      break;
    case 'resync':
      void resync();
      break;
    case 'session.revoked':
      if (data.session_id === state.sessionId) void session.endSession(data.reason);
      break;
    default:
      events.apply(name, data);
  }
};

let hadStream = false; // whether this page has had a stream before

/** The stream cannot replay the missed events, so everything is read again. Events that arrive meanwhile are held. */
async function resync() {
  const { signal } = userScope;
  stream.holdEvents();
  clearHistories();
  try {
    await loadLists(signal);
    if (signal.aborted) return;
    shownRoom = '';
    await openRoute();
  } finally {
    if (!signal.aborted) stream.start('');
  }
}

/**
 * The last state that the stream reported. A stream may survive a time offline, and then reports no change.
 * @type {'connecting' | 'open'}
 */
let streamState = 'connecting';
stream.on.state = (now) => {
  streamState = now;
  updateConnection();
};
addEventListener('offline', updateConnection);
addEventListener('online', () => {
  updateConnection();
  onServerBack();
});

function updateConnection() {
  state.connection = navigator.onLine ? streamState : 'offline';
  notify('connection');
}

// From now on the room's messages arrive as events. The messages before are read now, so that none is missed.
stream.on.entered = (room) => {
  void cachedHistory(room)?.catchUp();
  void refreshMembers(0);
};

events.on.message = (m) => {
  if (m.room_id === state.open?.id && !state.blocked.has(m.sender.id))
    announce(`${withCurrentName(m.sender).display_name}: ${summarize(m)}`);
};

let shownRoom = ''; // the key of the view that is on the screen

/** Opens the room, the message or the invite in the URL. */
async function openRoute() {
  const { room: id, message, invite } = currentRoute();
  if (invite) {
    replaceRoute(state.open?.id ?? 0);
    (await import('./dialog-rooms.js')).openRedeemDialog(invite);
    if (state.open) return;
  }
  if (id && state.open?.id === id && shownRoom) {
    if (message) await view?.timeline.showMessage(message);
    return;
  }
  state.open = null;
  state.openError = '';
  if (id) {
    try {
      state.open = await readRoom(id);
    } catch (err) {
      if (isTransient(err))
        runWhenBack('open room', async () => {
          if (currentRoute().room === id && !state.open) await openRoute();
        });
      state.openError =
        err instanceof Problem && err.code === 'banned'
          ? 'You are banned from this room.'
          : err instanceof Problem && err.status === 404
            ? 'This room does not exist, or you cannot see it.'
            : describeError(err);
    }
    if (currentRoute().room !== id) return;
  }
  Object.assign(state, { members: new Map(), present: new Set(), typing: new Map(), pinned: new Set() });
  shownRoom = '';
  notify('route', 'rooms', 'members', 'typing');
}

/** @param {number} id @returns {Promise<import('./types').Room>} */
async function readRoom(id) {
  const known = state.rooms.get(id);
  if (known && !known.membership?.muted) return known;
  try {
    const room = await get(`/v1/rooms/${id}`);
    if (!known || !room.membership) return room;
    updateRoom(room); // there are no events about new messages of a muted room
    return state.rooms.get(id) ?? room;
  } catch (err) {
    if (known && isTransient(err)) return known;
    throw err;
  }
}

function showRoom() {
  const { open } = state;
  const now = open ? `${open.id}` : `none ${state.openError} ${state.roomsLoaded}`;
  document.body.classList.toggle('has-room', Boolean(open || state.openError));
  updateLandmarks();
  updatePresence();
  if (now === shownRoom || !views) return;
  shownRoom = now;
  roomScope.abort();
  roomScope = new AbortController();
  if (!open) {
    view = null;
    fill(mainSlot, views.noRoomView(state.openError));
    return;
  }
  const isWide = matchMedia('(min-width: 1100px)').matches;
  state.panel =
    state.panel === 'search' && isWide
      ? 'search'
      : isWide && open.kind !== 'direct' && localStorage.getItem('parley.members')
        ? 'members'
        : '';
  view = views.roomView(open, roomScope.signal);
  fill(mainSlot, view.el);
  void view.timeline.open(currentRoute().message);
  if (!currentRoute().message) view.focus();
  void refreshMembers(0);
  refreshPins(open.id).catch(() => {});
}

/** On a phone without an open room, the list of rooms is the main content. */
function updateLandmarks() {
  const alone = narrow.matches && !document.body.classList.contains('has-room');
  app.querySelector('.sidebar')?.setAttribute('role', alone ? 'main' : 'complementary');
}
const narrow = matchMedia('(max-width: 640px)');
narrow.addEventListener('change', updateLandmarks);

/** Marks the user as present in the room while the page is visible. */
function updatePresence() {
  stream.setRoom(state.open?.membership && !document.hidden ? state.open.id : null);
}
document.addEventListener('visibilitychange', updatePresence);

function updateTitle() {
  const unread = totalUnread();
  const name = state.open ? `${roomTitle(state.open)} · Parley` : 'Parley';
  document.title = unread ? `(${unread > 99 ? '99+' : unread}) ${name}` : name;
  updatePresence();
}

/** @param {AbortSignal} signal */
function connectionBanner(signal) {
  const el = h('div.banner', { role: 'status', hidden: true });
  let timer = 0;
  const render = () => {
    clearTimeout(timer);
    const isConnected = state.connection === 'open';
    // Short interruptions are not shown.
    timer = setTimeout(
      () => {
        el.hidden = isConnected;
        fill(
          el,
          !isConnected && [
            icon('wifi', 18),
            h(
              'span',
              {},
              navigator.onLine ? 'Connecting to the server…' : 'You are offline.',
              ' Your messages are sent when the connection is back.',
            ),
          ],
        );
      },
      isConnected ? 0 : 1500,
    );
  };
  watch(['connection'], render, signal);
  render();
  return el;
}

addEventListener('keydown', (e) => {
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k' && state.me) {
    e.preventDefault();
    if (!document.querySelector('dialog[open]:not(.lightbox)')) views?.openSwitcher();
  }
});

async function boot() {
  const loginResult = takeLoginResult();
  if (loginResult?.kind === 'login_code') {
    try {
      await session.startSession('/v1/sessions', { login_code: loginResult.value });
      return;
    } catch {
      // The code is invalid or expired; the log-in page says so below.
    }
  }
  for (let tries = 0; ; tries++) {
    try {
      if (await session.resumeSession()) {
        await begun;
        showLoginResult(loginResult);
      } else if (!app.querySelector('.auth')) fill(app, authView(loginResult ? `login_${loginResult.value}` : ''));
      return;
    } catch (err) {
      if (!isTransient(err)) {
        showFatalError(err);
        return;
      }
      fill(
        app,
        h(
          'main.auth',
          {},
          emptyState('wifi', 'The server is not responding', `${describeError(err)} This page retries automatically.`),
        ),
      );
      await pause(Math.min(10_000, 1000 * 2 ** tries));
    }
  }
}

watchHistory();
watchCompositions();
watchViewport();
void boot();
