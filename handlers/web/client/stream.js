// This tab's connection to the shared stream.

import { mapImportError, call, locks, newKey, describeError, Problem, Unreachable } from './api.js';

const tab = newKey();
const MAX_SEEN = 5000;

/** Hooks, set by main.js. */
export const on = {
  /** @param {string} _name @param {any} _data */ event(_name, _data) {},
  /** @param {'connecting' | 'open'} _state */ state(_state) {},
  /** The stream is present in the room: its messages arrive from now on. @param {number} _room */ entered(_room) {},
};

/** @type {((message: any) => void) | null} */
let send = null;
let session = '';
let lastId = ''; // the id of the newest event of this tab, from which another leader continues
/** @type {number | null} */
let room = null;
/** Events that have arrived before the state was read. @type {any[] | null} */
let buffered = [];
/** @type {Set<string>} */
const seen = new Set();
/** @type {() => void} */
let onWelcome = () => {};

/** Joins the shared stream. Events from now on are buffered until start. */
export async function join() {
  buffered = [];
  if (send) return;
  const welcome = new Promise((resolve) => {
    onWelcome = () => resolve(undefined);
  });
  send = globalThis.SharedWorker
    ? linkToWorker()
    : (await mapImportError(import('./stream-leader.js'))).linkToLeader(tab, onMessage);
  locks.keep(`parley.tab.${tab}`);
  send({ type: 'join', tab });
  addEventListener('pagehide', () => send?.({ type: 'bye' }));
  addEventListener('pageshow', (e) => {
    if (e.persisted) location.reload();
  });
  addEventListener('online', () => send?.({ type: 'wake', online: true }));
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) send?.({ type: 'wake' });
  });
  await welcome;
}

function linkToWorker() {
  const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('parley', {
    createScriptURL: (/** @type {string} */ url) => {
      if (url !== '/client/stream-worker.js') throw new TypeError(`not a script of this client: ${url}`);
      return url;
    },
  });
  const url = '/client/stream-worker.js';
  const { port } = new SharedWorker(policy ? policy.createScriptURL(url) : url, { type: 'module', name: 'parley' });
  port.onmessage = ({ data }) => onMessage(data);
  return (/** @type {any} */ message) => port.postMessage(message);
}

/**
 * The state has been read: applies the buffered events, and continues the stream after the cursor.
 * @param {string} sessionId @param {string} cursor
 */
export function start(sessionId, cursor) {
  session = sessionId;
  lastId ||= cursor;
  const kept = buffered ?? [];
  buffered = null;
  for (const message of kept) applyEvent(message);
  send?.({ type: 'start', session, cursor: lastId });
}

/** Buffers events while the state is read again. */
export function holdEvents() {
  buffered ??= [];
}

/** Applies the buffered events, when the state has been read. */
export function releaseEvents() {
  const kept = buffered ?? [];
  buffered = null;
  for (const message of kept) applyEvent(message);
}

export function stop() {
  send?.({ type: 'stop', session });
  session = '';
  lastId = '';
  room = null;
  seen.clear();
}

/** Sets the room that this tab shows, if any. @param {number | null} id */
export function setRoom(id) {
  if (room === id) return;
  room = id;
  send?.({ type: 'room', room });
}

/** @param {any} message */
function onMessage(message) {
  switch (message.type) {
    case 'welcome':
      onWelcome();
      break;
    case 'moved': // another tab leads now, or considered this one closed
      send?.({ type: 'join', tab });
      if (session) send?.({ type: 'start', session, cursor: lastId });
      if (room) send?.({ type: 'room', room });
      break;
    case 'event':
      if (buffered) buffered.push(message);
      else applyEvent(message);
      break;
    case 'state':
      on.state(message.state);
      break;
    case 'entered':
      on.entered(message.room);
      break;
    case 'cookie':
      void runTask(message.task, () => call('POST', '/v1/events/cookie'));
      break;
    case 'presence':
      void runTask(message.task, () => call(message.method, `/v1/rooms/${message.room}/presence/${message.stream}`));
      break;
  }
}

/** @param {number} task @param {() => Promise<any>} f */
async function runTask(task, f) {
  let ok = true;
  try {
    await f();
  } catch (err) {
    ok = false;
    if (!(err instanceof Problem || err instanceof Unreachable)) describeError(err); // a bug: log it
  }
  send?.({ type: 'done', task, ok });
}

/**
 * Applies an event. An event of the log is applied once, however the stream has reconnected.
 * @param {{ name: string, id: string, data: string }} message
 */
function applyEvent({ name, id, data }) {
  const kept = id && !WITHOUT_ID.has(name);
  if (kept) {
    if (seen.has(id)) return;
    seen.add(id);
    lastId = id;
    if (seen.size > MAX_SEEN) for (const old of [...seen].slice(0, MAX_SEEN / 2)) seen.delete(old);
  }
  if (name === 'resync') {
    lastId = id;
    seen.clear();
  }
  on.event(name, JSON.parse(data));
}

// These events have no id of their own: EventSource gives them the id of the event before.
const WITHOUT_ID = new Set([
  'ready',
  'presence.entered',
  'presence.left',
  'user.online',
  'user.offline',
  'typing',
  'session.revoked',
  'server.closing',
  'resync',
]);
