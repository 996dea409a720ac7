// The panel beside the messages: the members, the pinned messages, or a search.

import { call, describeError } from './api.js';
import { showUserCard } from './actions.js';
import { debounce, fill, h, icon, iconButton, KeyedList } from './dom.js';
import { formatCount, formatShortTime } from './format.js';
import { isComposingKey } from './keys.js';
import { refreshMembers } from './people.js';
import { navigate } from './router.js';
import { notify, withCurrentName, isMe, canModerate, roomTitle, state, watch } from './store.js';
import { summarize } from './text.js';
import { avatar, emptyState, nameElement, spinner } from './ui.js';

/** @typedef {import('./types').Room} Room */
/** @typedef {import('./types').Member} Member */
/** @typedef {import('./types').Message} Message */

/** @param {'members' | 'pins' | 'search'} which @param {Room} room @param {AbortSignal} signal */
export function panelView(which, room, signal) {
  const title = { members: 'Members', pins: 'Pinned messages', search: 'Search' }[which];
  const controller = new AbortController();
  signal.addEventListener('abort', () => controller.abort());
  watch(
    ['panel'],
    () => {
      if (state.panel !== which) controller.abort();
    },
    controller.signal,
  );
  const close = () => {
    state.panel = '';
    notify('panel');
    // After rendering: elements that the panel covers cannot have the focus.
    queueMicrotask(() => /** @type {HTMLElement | null} */ (document.querySelector(`[data-head="${which}"]`))?.focus());
  };
  const content = { members, pins, search }[which](room, controller.signal);
  return h(
    'div.panel-inside',
    {
      onkeydown: (/** @type {KeyboardEvent} */ e) => {
        if (e.key === 'Escape' && !isComposingKey(e)) close();
      },
    },
    h(
      'header.panel-head',
      {},
      h('h2', {}, title),
      iconButton('close', `Close ${title.toLowerCase()}`, { onclick: close }),
    ),
    content,
  );
}

/** @type {Record<string, string>} */
const ROLE_LABELS = { owner: 'Owner', moderator: 'Moderator', member: '' };

const MAX_ANNOUNCED = 500; // users present in a room, as the API has it; beyond, nobody is told who enters
const PRESENT_REFRESH = 30_000; // milliseconds

/** @param {Room} room @param {AbortSignal} signal */
function members(room, signal) {
  const list = h('div.panel-scroll', {});
  const filter = h('input.input', {
    type: 'search',
    placeholder: 'Filter members',
    'aria-label': 'Filter members',
    oninput: () => render(),
  });
  const invite =
    canModerate(room) &&
    h(
      'button.plain.wide',
      { type: 'button', onclick: async () => (await import('./dialog-settings.js')).openInviteDialog(room) },
      icon('invite', 18),
      'Invite people',
    );
  const groups = /** @type {const} */ (['In the room now', 'Online', 'Offline']).map((name, i) => {
    const id = `members-${i}`;
    const title = h('h3', { id });
    const ul = h('ul', { 'aria-labelledby': id });
    const el = h('section', { class: i === 2 ? 'away' : '' }, title, ul);
    list.append(el);
    return {
      name,
      title,
      el,
      rows: new KeyedList(ul, (/** @type {Member} */ m) => String(m.user.id), memberSignature, memberRow),
    };
  });
  const more = h('p.panel-note', { hidden: true });
  list.append(more);
  watch(['members'], render, signal);
  render();
  void refreshMembers(0);
  // While many are present, the stream does not tell who else is. Of members who are not listed, it is not known.
  const again = setInterval(() => {
    if (state.present.size >= MAX_ANNOUNCED || !state.membersComplete) void refreshMembers();
  }, PRESENT_REFRESH);
  signal.addEventListener('abort', () => clearInterval(again));
  return h('div.panel-content', {}, h('div.panel-tools', {}, invite, filter), list);

  function render() {
    const q = filter.value.trim().toLocaleLowerCase();
    const all = [...state.members.values()]
      .map((m) => ({ ...m, user: withCurrentName(m.user) }))
      .filter((m) => !q || `${m.user.display_name} ${m.user.username}`.toLocaleLowerCase().includes(q))
      .sort((a, b) => a.user.display_name.localeCompare(b.user.display_name));
    const group = (/** @type {Member} */ m) => (state.present.has(m.user.id) ? 0 : state.online.get(m.user.id) ? 1 : 2);
    groups.forEach(({ name, title, el, rows }, i) => {
      const inGroup = all.filter((m) => group(m) === i);
      rows.set(inGroup);
      el.hidden = inGroup.length === 0;
      title.textContent = `${name} · ${inGroup.length}`;
    });
    more.hidden = state.membersComplete || state.members.size === 0;
    more.textContent = `The first ${state.members.size} of ${formatCount(state.open?.member_count ?? 0, 'member')}.`;
  }
}

/** @param {Member} m */
const memberSignature = (m) => [m.user.display_name, m.role, state.online.get(m.user.id)].join('|');

/** @param {Member} m */
const memberRow = (m) =>
  h(
    'li',
    {},
    h(
      'button.person',
      { type: 'button', onclick: () => showUserCard(m.user) },
      avatar(m.user, 's', true),
      h('span.person-name', {}, nameElement(m.user), isMe(m.user.id) && h('span.faint-word', {}, ' (you)')),
      ROLE_LABELS[m.role] && h('span.tag', {}, ROLE_LABELS[m.role]),
    ),
  );

/** @param {Room} room @param {AbortSignal} signal */
function pins(room, signal) {
  const list = h('div.panel-scroll', {}, spinner());
  watch(['pins'], render, signal);
  render();
  return h('div.panel-content', {}, list);

  async function render() {
    try {
      const { data } = await call('GET', `/v1/rooms/${room.id}/pins?limit=100`);
      const items = data.items.filter((/** @type {any} */ p) => !p.message.deleted_at);
      if (!items.length) {
        fill(
          list,
          emptyState(
            'pin',
            'Nothing pinned yet',
            canModerate(room)
              ? 'Pin important messages here: choose “Pin” in the menu of a message.'
              : 'Moderators can pin important messages here.',
          ),
        );
      } else
        fill(
          list,
          h(
            'ul.hits',
            {},
            items.map((/** @type {any} */ p) =>
              resultRow(p.message, `Pinned by ${withCurrentName(p.pinned_by).display_name}`),
            ),
          ),
        );
    } catch (err) {
      fill(list, emptyState('alert', 'The pinned messages could not be loaded', describeError(err)));
    }
  }
}

/** The search that the switcher has asked for; the panel takes it when it opens. */
export const pendingSearch = { text: '', everywhere: false };

/** @param {Room} room @param {AbortSignal} signal */
function search(room, signal) {
  const list = h('div.panel-scroll', { 'aria-live': 'polite' });
  const input = h('input.input', {
    type: 'search',
    placeholder: 'Search messages',
    'aria-label': 'Search messages',
    value: pendingSearch.text,
    oninput: debounce(250, () => run()),
    maxlength: 200,
  });
  let everywhere = pendingSearch.everywhere;
  Object.assign(pendingSearch, { text: '', everywhere: false });
  const scope = (/** @type {boolean} */ all, /** @type {string} */ label) =>
    h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(all === everywhere),
        dataset: { all: all ? '1' : '' },
        onclick: () => {
          everywhere = all;
          for (const b of scopes.children)
            b.setAttribute('aria-pressed', String(Boolean(b.dataset.all) === everywhere));
          void run();
        },
      },
      label,
    );
  const scopes = h(
    'div.segments',
    { role: 'group', 'aria-label': 'Search in' },
    scope(false, 'This room'),
    scope(true, 'All my rooms'),
  );
  let requests = 0;
  void run();
  return h('div.panel-content', {}, h('div.panel-tools', {}, input, scopes), list);

  async function run() {
    const q = input.value.trim();
    const request = ++requests;
    if (!q) {
      fill(
        list,
        emptyState(
          'search',
          'Find a message',
          'It must contain all the words, in any order. Capitals and accents do not matter.',
        ),
      );
      return;
    }
    fill(list, spinner('Searching'));
    const base = everywhere ? '/v1/search' : `/v1/rooms/${room.id}/messages/search`;
    await loadPage(`${base}?limit=30&q=${encodeURIComponent(q)}`, '', request, q);
  }

  /** @param {string} path @param {string} cursor @param {number} request @param {string} q */
  async function loadPage(path, cursor, request, q) {
    try {
      const { data } = await call('GET', path + (cursor && `&cursor=${encodeURIComponent(cursor)}`), { signal });
      if (request !== requests) return;
      if (!cursor)
        fill(
          list,
          data.items.length
            ? h('ul.hits', {})
            : emptyState(
                'search',
                'Nothing found',
                `No message ${everywhere ? 'in your rooms' : 'in this room'} contains “${q}”.`,
              ),
        );
      const ul = list.querySelector('ul');
      for (const m of data.items) ul?.append(resultRow(m, everywhere ? titleOfRoom(m.room_id) : '', q));
      list.querySelector('.more')?.remove();
      if (data.next_cursor)
        list.append(
          h(
            'button.plain.wide.more',
            { type: 'button', onclick: () => loadPage(path, data.next_cursor, request, q) },
            'Show more',
          ),
        );
    } catch (err) {
      if (request === requests && !signal.aborted)
        fill(list, emptyState('alert', 'The search failed', describeError(err)));
    }
  }
}

/** @param {number} id */
const titleOfRoom = (id) => {
  const room = state.rooms.get(id);
  return room ? roomTitle(room) : '';
};

/** @param {Message} m @param {string} note @param {string} [q] */
function resultRow(m, note, q = '') {
  return h(
    'li',
    {},
    h(
      'button.hit',
      {
        type: 'button',
        onclick: () => {
          if (matchMedia('(max-width: 899px)').matches) {
            state.panel = '';
            notify('panel');
          }
          navigate(m.room_id, m.id);
        },
      },
      h(
        'span.hit-head',
        {},
        avatar(m.sender, 's'),
        h('strong', {}, nameElement(m.sender)),
        h('time', { datetime: m.created_at }, formatShortTime(m.created_at)),
      ),
      h('span.hit-text', { dir: 'auto' }, highlight(summarize(m), q)),
      note && h('span.hit-note', {}, note),
    ),
  );
}

/** @param {string} text @param {string} q */
function highlight(text, q) {
  const words = q
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
    .map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  if (!words.length) return text;
  return text.split(new RegExp(`(${words.join('|')})`, 'giu')).map((part, i) => (i % 2 ? h('mark', {}, part) : part));
}
