// The timeline: the messages of the open room, its scroll position, the line before new messages, and read marks.

import { isTransient, describeError } from './api.js';
import { messageToolbar } from './actions.js';
import { fill, h, icon, KeyedList } from './dom.js';
import { formatCount, dayKey, dayName } from './format.js';
import { getHistory } from './history.js';
import { messageRow, messageSignature, unsentRow, unsentSignature } from './message.js';
import { markRead } from './rooms.js';
import { openMembership, isMe, roomTitle, state, watch } from './store.js';
import { runWhenBack } from './tasks.js';
import { emptyState, spinner, toast } from './ui.js';

/** @typedef {import('./types').Room} Room */
/** @typedef {{ key: string, sig: string, make: () => HTMLElement }} Row */

const END_MARGIN = 48; // pixels from the end that count as the end
const PREFETCH_DISTANCE = 900; // pixels from an end at which more messages are loaded
const GROUP_WINDOW = 5 * 60_000; // milliseconds in which messages of one sender are grouped
const MANY_UNREAD = 40; // with more unread messages, the room opens at the first unread one

export class Timeline {
  #room;
  #history;
  #list;
  #scroller;
  #top = h('div.timeline-edge', {});
  #jump;
  #toolbar = /** @type {HTMLElement | null} */ (null);
  #toolbarKey = '';
  #pointerType = ''; // mouse, pen or touch; empty for a screen reader, which only clicks
  #toolbarKeyBefore = ''; // the message that had the toolbar at pointerdown
  #sticksToEnd = true;
  #tabStopKey = ''; // the row that the Tab key reaches
  #focusedKey = ''; // the row that the user has focused; the newest row before
  /**
   * Where to scroll when the messages are loaded.
   * @type {{ to: 'end' | 'new' | 'message', id: number } | null}
   */
  #scrollTarget = null;
  /** The last read message, after which the line of new messages is shown; -1 is no line. */ #newSince = 0;
  el;

  /** @param {Room} room @param {AbortSignal} signal */
  constructor(room, signal) {
    this.#room = room.id;
    this.#history = getHistory(room.id);
    const ol = h('ol.messages', { 'aria-label': 'Messages' });
    this.#list = new KeyedList(
      ol,
      (/** @type {Row} */ r) => r.key,
      (r) => r.sig,
      (r) => r.make(),
    );
    this.#scroller = h('div.scroller', {}, this.#top, ol);
    this.#jump = h('button.jump', { type: 'button', hidden: true, onclick: () => this.toEnd() });
    this.el = h('div.timeline', {}, this.#scroller, this.#jump);
    this.#scroller.addEventListener('scroll', () => this.#onScroll(), { passive: true });
    ol.addEventListener('pointerover', (/** @type {PointerEvent} */ e) => {
      if (canHover(e)) this.#showToolbar(/** @type {Element} */ (e.target));
    });
    ol.addEventListener('pointerdown', (/** @type {PointerEvent} */ e) => {
      this.#pointerType = e.pointerType;
      this.#toolbarKeyBefore = this.#toolbarKey;
    });
    ol.addEventListener('click', (/** @type {Event} */ e) => this.#onClick(/** @type {Element} */ (e.target)));
    ol.addEventListener('focusin', (/** @type {Event} */ e) => this.#onFocus(/** @type {Element} */ (e.target)));
    ol.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => this.#onKeydown(e));
    this.el.addEventListener('pointerleave', (/** @type {PointerEvent} */ e) => {
      if (canHover(e) && !this.#toolbar?.contains(document.activeElement)) this.#removeToolbar();
    });
    const resized = new ResizeObserver(() => {
      if (this.#sticksToEnd && !this.#scrollTarget) this.#scrollToEnd();
    });
    resized.observe(ol);
    resized.observe(this.#scroller);
    signal.addEventListener('abort', () => resized.disconnect());
    watch(['timeline', 'unsent', 'people', 'pins', 'rooms'], () => this.render(), signal);
    for (const [target, name] of /** @type {[EventTarget, string][]} */ ([
      [document, 'visibilitychange'],
      [window, 'focus'],
      [window, 'blur'],
    ])) {
      target.addEventListener(name, () => this.#markSeen(), { signal });
    }
  }

  /** Opens the room, at a message or where the user left off. @param {number} message */
  async open(message) {
    this.#history.error = '';
    const history = this.#history;
    const membership = openMembership();
    const unread = membership?.unread_count ?? 0;
    this.#newSince = unread > 0 ? (membership?.last_read_id ?? 0) : -1;
    if (message) return this.showMessage(message);
    this.#scrollTarget = { to: unread > 0 ? 'new' : 'end', id: 0 };
    if (history.loaded && !history.hasNewer && membership)
      this.render(); // newer messages are loaded when the stream is present in the room
    else if (unread > MANY_UNREAD) await this.#load(() => history.loadAround(membership?.last_read_id || 1));
    else await this.#load(() => history.loadNewest());
  }

  /** Scrolls to a message and highlights it. @param {number} id */
  async showMessage(id) {
    this.#scrollTarget = { to: 'message', id };
    this.#sticksToEnd = false;
    if (this.#history.get(id)) this.render();
    else await this.#load(() => this.#history.loadAround(id), id);
  }

  async toEnd() {
    this.#scrollTarget = { to: 'end', id: 0 };
    if (this.#history.hasNewer) await this.#load(() => this.#history.loadNewest());
    this.render();
  }

  /** The user has sent a message: scrolls to the end, and nothing is new. */
  onSent() {
    this.#newSince = -1;
    void this.toEnd();
  }

  /** @param {() => Promise<void>} read @param {number} [message] where to scroll if it is tried again */
  async #load(read, message = 0) {
    const history = this.#history;
    try {
      await read();
    } catch (err) {
      if (history.loaded) {
        // the loaded messages stay
        this.#scrollTarget = null;
        toast(describeError(err), true);
      } else history.error = describeError(err);
      if (isTransient(err))
        runWhenBack(`history ${this.#room}`, async () => {
          if (this.el.isConnected && history.error) await this.open(message);
        });
      this.render();
    }
  }

  /** @returns {Row[]} */
  #rows() {
    const history = this.#history;
    /** @type {Row[]} */
    const rows = [];
    if (history.loaded && !history.hasOlder)
      rows.push({ key: 'start', sig: state.open ? roomTitle(state.open) : '', make: () => beginningRow() });
    let before = /** @type {{ created_at: string, sender: { id: number }, deleted_at?: string } | null} */ (null);
    let hasNewLine = false;
    for (const m of history.list) {
      const { id } = m;
      if (!before || dayKey(before.created_at) !== dayKey(m.created_at)) {
        rows.push({
          key: `d${dayKey(m.created_at)}`,
          sig: dayName(m.created_at),
          make: () => h('li.day', {}, h('span', {}, dayName(m.created_at))),
        });
        before = null;
      }
      if (!hasNewLine && this.#newSince >= 0 && id > this.#newSince && !isMe(m.sender.id)) {
        hasNewLine = true;
        before = null;
        rows.push({ key: 'new', sig: '', make: () => h('li.new-line', {}, h('span', {}, 'New')) });
      }
      const grouped =
        Boolean(before) &&
        before?.sender.id === m.sender.id &&
        !m.reply_to &&
        !before.deleted_at &&
        Date.parse(m.created_at) - Date.parse(before.created_at) < GROUP_WINDOW;
      const quoted = m.reply_to ? history.quotedMessage(m.reply_to) : undefined;
      rows.push({
        key: `m${id}`,
        sig: messageSignature(m, grouped, quoted),
        make: () => messageRow(m, grouped, quoted, () => this.render()),
      });
      before = m;
    }
    if (!history.hasNewer) {
      for (const u of state.unsent.filter((e) => e.room_id === this.#room)) {
        const grouped =
          Boolean(
            before && isMe(before.sender.id) && Date.parse(u.created_at) - Date.parse(before.created_at) < GROUP_WINDOW,
          ) && !u.reply_to;
        rows.push({ key: `u${u.client_id}`, sig: unsentSignature(u, grouped), make: () => unsentRow(u, grouped) });
        before = { created_at: u.created_at, sender: { id: state.me?.id ?? 0 } };
      }
    }
    return rows;
  }

  render() {
    const unread = openMembership()?.unread_count ?? 0;
    if (this.#newSince < 0 && unread > 0 && !this.#isReading()) this.#newSince = openMembership()?.last_read_id ?? 0;
    const anchor = this.#firstVisibleRow();
    this.#list.set(this.#rows());
    this.#renderTop();
    this.#updateTabStop();
    if (this.#toolbar && !this.#toolbar.isConnected) this.#attachToolbar();
    if (this.#scrollTarget && this.#history.loaded && this.#history.loading !== 'page') this.#scrollToTarget();
    else if (this.#sticksToEnd && !this.#history.hasNewer) this.#scrollToEnd();
    else if (anchor) this.#restoreAnchor(anchor);
    this.#afterScroll();
  }

  #renderTop() {
    const { error, loaded, loading } = this.#history;
    const what = error && !loaded ? 'error' : loading === 'page' || !loaded ? 'page' : loading;
    if (this.#top.dataset.what === what) return;
    this.#top.dataset.what = what;
    if (what === 'error') {
      fill(
        this.#top,
        emptyState(
          'alert',
          'The messages could not be loaded',
          error,
          h('button.plain', { type: 'button', onclick: () => void this.open(0) }, 'Try again'),
        ),
      );
    } else fill(this.#top, what === 'page' || what === 'older' ? spinner('Loading messages') : false);
  }

  /** The first visible row, and its position. */
  #firstVisibleRow() {
    const top = this.#scroller.getBoundingClientRect().top;
    for (const el of this.#list.parent.children) {
      const box = el.getBoundingClientRect();
      if (box.bottom > top) return { key: /** @type {HTMLElement} */ (el).dataset.key ?? '', el, at: box.top };
    }
    return null;
  }

  /** @param {{ key: string, el: Element, at: number }} anchor */
  #restoreAnchor({ key, el, at }) {
    const now = this.#list.get(key) ?? (el.isConnected ? el : null);
    if (now) this.#scroller.scrollTop += now.getBoundingClientRect().top - at;
  }

  #scrollToTarget() {
    const aim = this.#scrollTarget;
    this.#scrollTarget = null;
    const line = aim?.to === 'new' ? this.#list.get('new') : null;
    const target = aim?.to === 'message' ? this.#list.get(`m${aim.id}`) : line;
    if (!target) {
      this.#scrollToEnd();
      return;
    }
    const space = this.#scroller.clientHeight;
    this.#scroller.scrollTop +=
      target.getBoundingClientRect().top -
      this.#scroller.getBoundingClientRect().top -
      (line ? space / 5 : Math.max(0, (space - target.offsetHeight) / 2));
    this.#sticksToEnd = this.#atEnd();
    if (aim?.to === 'message') {
      target.classList.add('flash');
      target.focus({ preventScroll: true });
      setTimeout(() => target.classList.remove('flash'), 2400);
    }
  }

  #atEnd() {
    const s = this.#scroller;
    return s.scrollHeight - s.scrollTop - s.clientHeight <= END_MARGIN;
  }

  #scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#sticksToEnd = true;
  }

  #onScroll() {
    this.#sticksToEnd = this.#atEnd();
    this.#afterScroll();
  }

  /** Updates everything that depends on the scroll position. */
  #afterScroll() {
    const s = this.#scroller;
    const history = this.#history;
    if (history.loaded && !this.#scrollTarget) {
      if (s.scrollTop < PREFETCH_DISTANCE) history.loadMore('older').catch(() => {});
      if (s.scrollHeight - s.scrollTop - s.clientHeight < PREFETCH_DISTANCE) history.loadMore('newer').catch(() => {});
    }
    const away = history.loaded && (!this.#atEnd() || history.hasNewer);
    const unread = openMembership()?.unread_count ?? 0;
    const sig = `${away} ${unread}`;
    if (this.#jump.dataset.sig !== sig) {
      this.#jump.dataset.sig = sig;
      this.#jump.hidden = !away;
      fill(
        this.#jump,
        icon('down', 18),
        unread > 0 ? formatCount(unread, 'new message') : h('span.visually-hidden', {}, 'To the newest message'),
      );
    }
    this.#markSeen();
  }

  #isReading() {
    return (
      !document.hidden &&
      document.hasFocus() &&
      this.#history.loaded &&
      !this.#history.hasNewer &&
      this.#sticksToEnd &&
      !this.#scrollTarget
    );
  }

  #markSeen() {
    if (this.#isReading() && openMembership())
      void markRead(this.#room, this.#history.lastFromOthers(state.me?.id ?? 0));
  }

  /** @param {Element} target */
  #onFocus(target) {
    const row = /** @type {HTMLElement | null} */ (target.closest('li.message'));
    if (row?.dataset.key) this.#setTabStop((this.#focusedKey = row.dataset.key));
    // A tap sets the focus before its click: a toolbar that appears now would be under the finger.
    if (this.#pointerType !== 'touch' || target.matches(':focus-visible')) this.#showToolbar(target);
  }

  /**
   * A tap shows the toolbar below the message, and a second tap hides it. A mouse or a pen has shown it by hovering.
   * @param {Element} target
   */
  #onClick(target) {
    if (this.#pointerType === 'mouse' || this.#pointerType === 'pen') return;
    if (this.#toolbar?.contains(target)) {
      // A button that opens a menu stays while the menu is open; after any other button, the toolbar is hidden.
      if (!target.closest('[aria-haspopup]')) this.#removeToolbar();
      return;
    }
    if (!target.closest('.message-actions') && target.closest('a, button, input, select, summary, audio, video'))
      return;
    const row = /** @type {HTMLElement | null} */ (target.closest('li.message'));
    const isSecondTap = row?.dataset.key && row.dataset.key === this.#toolbarKeyBefore;
    this.#removeToolbar();
    if (!row || isSecondTap) return;
    this.#showToolbar(row);
    this.#toolbar?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {string} key */
  #setTabStop(key) {
    this.#list.get(this.#tabStopKey)?.setAttribute('tabindex', '-1');
    this.#tabStopKey = key;
    this.#list.get(key)?.setAttribute('tabindex', '0');
  }

  #updateTabStop() {
    const last = this.#history.last;
    this.#setTabStop(this.#list.get(this.#focusedKey) ? this.#focusedKey : last ? `m${last}` : '');
  }

  /** @param {KeyboardEvent} e */
  #onKeydown(e) {
    if (!(e.target instanceof HTMLElement) || !e.target.matches('li.message')) return;
    const rows = /** @type {HTMLElement[]} */ ([...this.#list.parent.querySelectorAll('li.message')]);
    const at = rows.indexOf(e.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    rows[to]?.focus();
  }

  /** @param {Element} target */
  #showToolbar(target) {
    const row = /** @type {HTMLElement | null} */ (target.closest('li.message'));
    const key = row?.dataset.key ?? '';
    if (!row || key === this.#toolbarKey || document.querySelector('.menu, .emoji-picker')) return;
    this.#removeToolbar();
    this.#toolbarKey = key;
    this.#attachToolbar();
  }

  #attachToolbar() {
    const row = this.#list.get(this.#toolbarKey);
    const m = this.#history.get(Number(row?.dataset.id));
    this.#toolbar?.remove();
    this.#toolbar = m && !m.deleted_at ? messageToolbar(m) : null;
    if (!this.#toolbar || !row) return;
    this.#toolbar.classList.toggle(
      'flat',
      this.#pointerType === 'touch' || (this.#pointerType === '' && coarse.matches),
    );
    // Above the row, unless that is outside the visible area.
    this.#toolbar.classList.toggle(
      'low',
      row.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top < 32,
    );
    row.append(this.#toolbar);
  }

  #removeToolbar() {
    this.#toolbar?.remove();
    this.#toolbar = null;
    this.#toolbarKey = '';
  }
}

const coarse = matchMedia('(pointer: coarse)');

/**
 * Whether the pointer can hover. A finger has pointerover when it presses, and pointerleave before its click.
 * @param {PointerEvent} e
 */
const canHover = (e) => e.pointerType !== 'touch';

function beginningRow() {
  const room = state.open;
  const title = room ? roomTitle(room) : '';
  const text =
    room?.kind === 'direct'
      ? 'Only the two of you can read what is written here.'
      : room?.kind === 'private'
        ? 'Only invited people can find this room.'
        : 'Everybody on this server can find and read this channel.';
  return h(
    'li.beginning',
    {},
    h('h2', {}, room?.kind === 'direct' ? `You and ${title}` : `This is the beginning of ${title}`),
    h('p', {}, text),
  );
}
