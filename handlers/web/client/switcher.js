// The switcher (Ctrl+K): finds rooms, people and messages.

import { get, describeError } from './api.js';
import { debounce, fill, h, icon } from './dom.js';
import { formatCount } from './format.js';
import { isComposingKey } from './keys.js';
import { openModal } from './layers.js';
import { navigate } from './router.js';
import { sortByActivity, openDirect } from './rooms.js';
import { notify, isMe, partnerOf, roomTitle, state } from './store.js';
import { avatar, nameElement, roomIcon, toast } from './ui.js';
import { pendingSearch } from './panel.js';

/** @typedef {{ id: string, group: string, el: any[], act: () => any }} Option */

/** Opens the switcher. It does not open over another dialog, which may have a form; it closes a lightbox. */
export function openSwitcher() {
  /** @type {NodeListOf<HTMLDialogElement>} */
  const open = document.querySelectorAll('dialog[open]');
  if ([...open].some((dialog) => !dialog.matches('.lightbox'))) return;
  for (const picture of open) picture.close();
  /** @type {Option[]} */
  let options = [];
  /** @type {Option[]} */
  let found = [];
  let selected = 0;
  const input = h('input', {
    type: 'text',
    role: 'combobox',
    'aria-expanded': 'true',
    'aria-controls': 'switcher-list',
    'aria-autocomplete': 'list',
    'aria-label': 'Find rooms, people and messages',
    placeholder: 'Find rooms, people and messages',
    autocomplete: 'off',
    spellcheck: 'false',
    oninput: () => {
      found = [];
      selected = 0;
      render();
      search();
    },
    onkeydown: onKeydown,
  });
  const list = h('div.switcher-list', { id: 'switcher-list', role: 'listbox', 'aria-label': 'Results' });
  const el = h(
    'dialog.switcher',
    {
      'aria-label': 'Find',
      onclick: (/** @type {Event} */ e) => {
        if (e.target === el) el.close();
      },
    },
    h('div.switcher-head', {}, icon('search'), input),
    list,
  );
  openModal(el);
  input.focus();
  render();

  /** @param {KeyboardEvent} e */
  function onKeydown(e) {
    if (isComposingKey(e)) return;
    const to = { ArrowDown: selected + 1, ArrowUp: selected - 1 }[e.key];
    if (to !== undefined && options.length) {
      e.preventDefault();
      selected = (to + options.length) % options.length;
      updateSelection();
    } else if (e.key === 'Enter') {
      e.preventDefault();
      choose(options[selected]);
    }
  }

  /** @param {Option | undefined} option */
  function choose(option) {
    if (!option) return;
    el.close();
    Promise.resolve(option.act()).catch((err) => toast(describeError(err), true));
  }

  function render() {
    const q = input.value.trim();
    const low = q.toLocaleLowerCase().replace(/^[#@]/, '');
    const ownRooms = sortByActivity([...state.rooms.values()])
      .filter((r) =>
        `${roomTitle(r)} ${r.handle ?? ''} ${partnerOf(r)?.username ?? ''}`.toLocaleLowerCase().includes(low),
      )
      .slice(0, q ? 8 : 10)
      .map((r) => ({
        id: `r${r.id}`,
        group: q ? 'Your rooms' : 'Recent',
        el: [roomIcon(r), h('bdi', {}, roomTitle(r)), unreadBadge(r)],
        act: () => navigate(r.id),
      }));
    options = [...ownRooms, ...found];
    if (q)
      options.push({
        id: 'messages',
        group: 'Messages',
        el: [icon('search', 18), h('span', {}, 'Messages with ', h('strong', {}, q))],
        act: () => searchFor(q),
      });
    selected = Math.min(selected, Math.max(0, options.length - 1));
    fill(list);
    let group = '';
    for (const option of options) {
      if (option.group !== group) {
        group = option.group;
        list.append(h('div.switcher-group', { role: 'presentation' }, group));
      }
      list.append(
        h(
          'div.switcher-option',
          { role: 'option', id: `switch-${option.id}`, onclick: () => choose(option) },
          option.el,
        ),
      );
    }
    if (!options.length) list.append(h('p.switcher-none', {}, 'Type a name.'));
    updateSelection();
  }

  function updateSelection() {
    options.forEach((option, i) => {
      const row = list.querySelector(`#switch-${CSS.escape(option.id)}`);
      row?.setAttribute('aria-selected', String(i === selected));
      if (i === selected) row?.scrollIntoView({ block: 'nearest' });
    });
    input.setAttribute('aria-activedescendant', options[selected] ? `switch-${options[selected].id}` : '');
  }

  const search = debounce(150, async () => {
    const q = input.value.trim().replace(/^[#@]/, '');
    if (!q) return;
    const read = (/** @type {string} */ path) =>
      get(path).then(
        (l) => l.items,
        () => [],
      );
    const [rooms, users] = await Promise.all([
      read(`/v1/rooms/search?limit=6&prefix=${encodeURIComponent(q.slice(0, 128))}`),
      read(`/v1/users?limit=6&prefix=${encodeURIComponent(q.slice(0, 32))}`),
    ]);
    if (input.value.trim().replace(/^[#@]/, '') !== q) return;
    found = [
      ...rooms
        .filter((/** @type {any} */ r) => !state.rooms.has(r.id))
        .map((/** @type {any} */ r) => ({
          id: `r${r.id}`,
          group: 'Public channels',
          el: [
            roomIcon(r),
            h('bdi', {}, r.name ?? r.handle),
            h('span.faint-word', {}, formatCount(r.member_count, 'member')),
          ],
          act: () => navigate(r.id),
        })),
      ...users
        .filter((/** @type {any} */ u) => !isMe(u.id))
        .map((/** @type {any} */ u) => ({
          id: `u${u.id}`,
          group: 'People',
          el: [avatar(u, 's'), nameElement(u), h('span.faint-word', {}, '@' + u.username)],
          act: async () => navigate((await openDirect(u.id)).id),
        })),
    ];
    render();
  });
}

/** @param {import('./types').Room} r */
const unreadBadge = (r) => (r.membership?.unread_count ? h('span.badge', {}, r.membership.unread_count) : false);

/** @param {string} text */
function searchFor(text) {
  Object.assign(pendingSearch, { text, everywhere: true });
  if (!state.open) {
    const [first] = sortByActivity([...state.rooms.values()]);
    if (first) navigate(first.id);
  }
  // The panel is created again, also if it is already open.
  state.panel = '';
  notify('panel');
  queueMicrotask(() =>
    queueMicrotask(() =>
      setTimeout(
        () => {
          state.panel = 'search';
          notify('panel');
        },
        state.open ? 0 : 300,
      ),
    ),
  );
}
