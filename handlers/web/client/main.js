// Puts the parts together: the logged-in user, the events of the stream, the room in the address.

import { arrived, get, isPassing, plain, Problem } from './api.js';
import { authView } from './auth.js';
import { announce, fill, h, icon, pause } from './dom.js';
import { clearDrafts, forgetDrafts } from './drafts.js';
import * as events from './events.js';
import { forgetHistories, knownHistory } from './history.js';
import { watchCompositions } from './keys.js';
import { watchHistory } from './layers.js';
import { forgetMedia } from './media.js';
import * as outbox from './outbox.js';
import { loadPeople, refreshMe, refreshMembers, refreshPeople, refreshPins } from './people.js';
import { keepRoom, loadRooms, refreshPartners, totalUnread } from './rooms.js';
import { route, settle } from './router.js';
import * as session from './session.js';
import { takeArrival, tellArrival } from './social.js';
import { changed, current, keepMe, reset, roomTitle, state, watch } from './store.js';
import * as stream from './stream.js';
import { forgetMissed, isBack, whenBack } from './tasks.js';
import { summary } from './text.js';
import { empty } from './ui.js';
import * as uploads from './uploads.js';
import { watchViewport } from './viewport.js';

const app = /** @type {HTMLElement} */ (document.getElementById('app'));
let life = new AbortController(); // of what is shown to one user
let roomLife = new AbortController(); // of the view of one room
/** @type {ReturnType<import('./room.js')['roomView']> | null} */
let view = null;
/** What is shown to who is logged in; the page of the log-in comes without it. @type {Awaited<ReturnType<typeof loadViews>> | null} */
let views = null;
let slot = h('div.main-slot');

session.on.began = (s) => void begin(s);
session.on.ended = (reason) => {
  if (reason === 'log_out' || reason === 'account_deleted') {
    outbox.forget();
    clearDrafts();
  }
  teardown();
  fill(app, authView(reason));
};

session.on.changed = (user) => { if (user.id === state.me?.id) keepMe(user); };

/** @param {import('./types').Session} s */
async function begin(s) {
  teardown();
  const { signal } = life;
  try {
    await show(s, signal);
  } catch (err) {
    if (!signal.aborted) stuck(err);
  }
}

/** The page cannot go on, and says why. Trying again would not help: the server refuses, or this program has a fault. @param {unknown} err */
function stuck(err) {
  teardown();
  const reload = h('button.primary', { type: 'button', onclick: () => location.reload() }, 'Reload the page');
  fill(app, h('main.auth', {}, empty('alert', err instanceof Problem ? 'The server does not let you in' : 'This page has a fault', plain(err), reload)));
}

async function loadViews() {
  const [room, sidebar, switcher] = await arrived(Promise.all([import('./room.js'), import('./sidebar.js'), import('./switcher.js')]));
  return { ...room, ...sidebar, ...switcher };
}

/** @param {import('./types').Session} s @param {AbortSignal} signal */
async function show(s, signal) {
  keepMe(s.user);
  state.sessionId = s.session_id;
  views ??= await persist(signal, loadViews);
  if (signal.aborted) return;
  slot = h('div.main-slot', {}, views.noRoom(''));
  fill(app, banner(signal), h('div.frame', {}, views.sidebar(signal), slot));
  landmarks();
  watch(['rooms', 'route'], title, signal);
  import('./lightbox.js').catch(() => {}); // read before it is wanted
  await persist(signal, stream.join);
  const cursor = await read(signal);
  if (signal.aborted) return;
  stream.start(s.session_id, cursor);
  outbox.restore(signal);
  addEventListener('hashchange', () => void openRoute(), { signal });
  watch(['route'], () => void showRoom(), signal);
  await openRoute();
}

function teardown() {
  life.abort();
  roomLife.abort();
  life = new AbortController();
  view = null;
  shown = '';
  stream.stop();
  wasOpen = false;
  reset();
  forgetMissed();
  forgetHistories();
  forgetDrafts();
  forgetMedia();
  for (const dialog of document.querySelectorAll('dialog[open]')) /** @type {HTMLDialogElement} */ (dialog).close();
  document.title = 'Parley';
}

/** Reads what the list of rooms is made of, until it works. @param {AbortSignal} signal @returns {Promise<string>} where the stream goes on */
const read = (signal) => persist(signal, async () => {
  const cursor = await loadRooms();
  await loadPeople();
  return cursor;
});

/** Does f until it works, unless that is hopeless. @template T @param {AbortSignal} signal @param {() => Promise<T>} f @returns {Promise<T>} */
async function persist(signal, f) {
  for (let tries = 0; ; tries++) {
    try {
      return await f();
    } catch (err) {
      if (signal.aborted || !isPassing(err)) throw err;
      await pause(Math.min(10_000, 500 * 2 ** tries));
    }
  }
}

stream.on.event = (name, data) => {
  switch (name) {
    case 'ready':
      isBack();
      outbox.flushAll();
      void refreshMembers(0);
      if (data.resumed && wasOpen) {
        void refreshPeople();
        void refreshPartners();
        void refreshMe();
      }
      wasOpen = true;
      break;
    case 'resync':
      void resync();
      break;
    case 'session.revoked':
      if (data.session_id === state.sessionId) session.end(data.reason);
      break;
    default:
      events.apply(name, data);
  }
};

let wasOpen = false; // whether this page had a stream before

/** The stream could not replay what was missed: everything is read again. Events that arrive meanwhile wait. */
async function resync() {
  const { signal } = life;
  stream.hold();
  forgetHistories();
  try {
    await read(signal);
    if (signal.aborted) return;
    shown = '';
    await openRoute();
  } finally {
    stream.release();
  }
}

/** What the stream said last; it may outlive a time without a net, and then says nothing of it. @type {'connecting' | 'open'} */
let streamState = 'connecting';
stream.on.state = (now) => {
  streamState = now;
  connection();
};
addEventListener('offline', connection);
addEventListener('online', () => {
  connection();
  isBack();
});

function connection() {
  state.connection = navigator.onLine ? streamState : 'offline';
  changed('connection');
}

// From here on the room's messages come as events; what came before is read now, so that nothing falls in between.
stream.on.entered = (room) => {
  void knownHistory(room)?.catchUp();
  void refreshMembers(0);
};

events.on.message = (m) => {
  if (m.room_id === state.open?.id && !state.blocked.has(m.sender.id)) announce(`${current(m.sender).display_name}: ${summary(m)}`);
};
uploads.on.done = (u) => void outbox.flush(u.room);

let shown = ''; // the room whose view is on the screen, and whether the user is in it

/** Opens what the address names. */
async function openRoute() {
  const { room: id, message, invite } = route();
  if (invite) {
    settle(state.open?.id ?? 0);
    (await import('./dialog-rooms.js')).redeemDialog(invite);
    if (state.open) return;
  }
  if (id && state.open?.id === id && shown) {
    if (message) await view?.timeline.to(message);
    return;
  }
  state.open = null;
  state.openError = '';
  if (id) {
    try {
      state.open = await readRoom(id);
    } catch (err) {
      if (isPassing(err)) whenBack('open room', async () => { if (route().room === id && !state.open) await openRoute(); });
      state.openError = err instanceof Problem && err.code === 'banned' ? 'You are banned from this room.'
        : err instanceof Problem && err.status === 404 ? 'There is no such room, or you may not see it.' : plain(err);
    }
    if (route().room !== id) return;
  }
  Object.assign(state, { members: new Map(), present: new Set(), typing: new Map(), pinned: new Set() });
  shown = '';
  changed('route', 'rooms', 'members', 'typing');
}

/** @param {number} id @returns {Promise<import('./types').Room>} */
async function readRoom(id) {
  const known = state.rooms.get(id);
  if (known && !known.membership?.muted) return known;
  try {
    const room = await get(`/v1/rooms/${id}`);
    if (!known || !room.membership) return room;
    keepRoom(room); // a muted room sends no events of new messages
    return state.rooms.get(id) ?? room;
  } catch (err) {
    if (known && isPassing(err)) return known;
    throw err;
  }
}

function showRoom() {
  const { open } = state;
  const now = open ? `${open.id}` : `none ${state.openError} ${state.roomsLoaded}`;
  document.body.classList.toggle('has-room', Boolean(open || state.openError));
  landmarks();
  present();
  if (now === shown || !views) return;
  shown = now;
  roomLife.abort();
  roomLife = new AbortController();
  if (!open) {
    view = null;
    fill(slot, views.noRoom(state.openError));
    return;
  }
  const wide = matchMedia('(min-width: 1100px)').matches;
  state.panel = state.panel === 'search' && wide ? 'search' : wide && open.kind !== 'direct' && localStorage.getItem('parley.members') ? 'members' : '';
  view = views.roomView(open, roomLife.signal);
  fill(slot, view.el);
  void view.timeline.open(route().message);
  if (!route().message) view.focus();
  void refreshMembers(0);
  refreshPins(open.id).catch(() => {});
}

/** On a phone without an open room, the list of rooms is what the page is about. */
function landmarks() {
  const alone = narrow.matches && !document.body.classList.contains('has-room');
  app.querySelector('.sidebar')?.setAttribute('role', alone ? 'main' : 'complementary');
}
const narrow = matchMedia('(max-width: 640px)');
narrow.addEventListener('change', landmarks);

/** The stream is in the room as long as somebody can see it. */
function present() {
  stream.show(state.open?.membership && !document.hidden ? state.open.id : null);
}
document.addEventListener('visibilitychange', present);

function title() {
  const unread = totalUnread();
  const name = state.open ? `${roomTitle(state.open)} · Parley` : 'Parley';
  document.title = unread ? `(${unread > 99 ? '99+' : unread}) ${name}` : name;
  present();
}

/** @param {AbortSignal} signal */
function banner(signal) {
  const el = h('div.banner', { role: 'status', hidden: true });
  let timer = 0;
  const render = () => {
    clearTimeout(timer);
    const good = state.connection === 'open';
    // A short break is nobody's business.
    timer = setTimeout(() => {
      el.hidden = good;
      fill(el, !good && [icon('wifi', 18), h('span', {}, navigator.onLine ? 'Connecting to the server…' : 'You are offline.', ' What you write is sent when the connection is back.')]);
    }, good ? 0 : 1500);
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
  const arrival = takeArrival();
  if (arrival?.kind === 'login_code') {
    try {
      await session.enter('/v1/sessions', { login_code: arrival.value });
      return;
    } catch {
      // The code was not good; the page of the log-in says so, and what else there is.
    }
  }
  for (let tries = 0; ; tries++) {
    try {
      const known = await session.resume();
      if (known) await begin(known).then(() => tellArrival(arrival));
      else if (!app.querySelector('.auth')) fill(app, authView(arrival ? `login_${arrival.value}` : ''));
      return;
    } catch (err) {
      if (!isPassing(err)) {
        stuck(err);
        return;
      }
      fill(app, h('main.auth', {}, empty('wifi', 'The server does not answer', `${plain(err)} This page tries again by itself.`)));
      await pause(Math.min(10_000, 1000 * 2 ** tries));
    }
  }
}

watchHistory();
watchCompositions();
watchViewport();
void boot();
