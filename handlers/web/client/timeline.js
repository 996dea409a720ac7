// The messages of the open room on the screen: where it is scrolled to, what is new, what has been seen.

import { isPassing, plain } from './api.js';
import { toolbar } from './actions.js';
import { fill, h, icon, KeyedList } from './dom.js';
import { count, dayKey, dayName } from './format.js';
import { historyOf } from './history.js';
import { messageRow, signatureOf, unsentRow, unsentSignature } from './message.js';
import { markRead } from './rooms.js';
import { openMembership, isMe, roomTitle, state, watch } from './store.js';
import { whenBack } from './tasks.js';
import { empty, spinner, toast } from './ui.js';

/** @typedef {import('./types').Room} Room */
/** @typedef {{ key: string, sig: string, make: () => HTMLElement }} Row */

const NEAR = 48; // pixels from the end that count as being there
const AHEAD = 900; // pixels from an end at which more is read
const TOGETHER = 5 * 60_000; // messages of one sender within this time stand together
const MANY = 40; // with more unread messages than this, the room opens at the first of them

export class Timeline {
  #room;
  #history;
  #list;
  #scroller;
  #top = h('div.timeline-edge', {});
  #jump;
  #bar = /** @type {HTMLElement | null} */ (null);
  #barFor = '';
  #hand = ''; // what the user points with: mouse, pen or touch; nothing is a screen reader, which only clicks
  #barBefore = ''; // the message that had the bar when the finger came down
  #stick = true;
  #current = ''; // the row that the tab key comes to
  #chosen = ''; // the one that the user went to; the newest one until then
  /** Where to scroll once it is there. @type {{ to: 'end' | 'new' | 'message', id: number } | null} */ #aim = null;
  /** Up to where the user had read when the line was drawn; 0 is no line. */ #line = 0;
  el;

  /** @param {Room} room @param {AbortSignal} signal */
  constructor(room, signal) {
    this.#room = room.id;
    this.#history = historyOf(room.id);
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
    this.#scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    ol.addEventListener('pointerover', (/** @type {PointerEvent} */ e) => {
      if (hovers(e)) this.#showBar(/** @type {Element} */ (e.target));
    });
    ol.addEventListener('pointerdown', (/** @type {PointerEvent} */ e) => {
      this.#hand = e.pointerType;
      this.#barBefore = this.#barFor;
    });
    ol.addEventListener('click', (/** @type {Event} */ e) => this.#tapped(/** @type {Element} */ (e.target)));
    ol.addEventListener('focusin', (/** @type {Event} */ e) => this.#focused(/** @type {Element} */ (e.target)));
    ol.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => this.#key(e));
    this.el.addEventListener('pointerleave', (/** @type {PointerEvent} */ e) => {
      if (hovers(e) && !this.#bar?.contains(document.activeElement)) this.#dropBar();
    });
    const resized = new ResizeObserver(() => {
      if (this.#stick && !this.#aim) this.#scrollToEnd();
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
      target.addEventListener(name, () => this.#seen(), { signal });
    }
  }

  /** Opens the room, at a message or where the user left off. @param {number} message */
  async open(message) {
    this.#history.error = '';
    const history = this.#history;
    const membership = openMembership();
    const unread = membership?.unread_count ?? 0;
    this.#line = unread > 0 ? (membership?.last_read_id ?? 0) : -1;
    if (message) return this.to(message);
    this.#aim = { to: unread > 0 ? 'new' : 'end', id: 0 };
    if (history.loaded && !history.hasNewer && membership)
      this.render(); // what came since is read when the stream is in the room
    else if (unread > MANY) await this.#try(() => history.around(membership?.last_read_id || 1));
    else await this.#try(() => history.newest());
  }

  /** Shows a message and points to it. @param {number} id */
  async to(id) {
    this.#aim = { to: 'message', id };
    this.#stick = false;
    if (this.#history.messages.has(id)) this.render();
    else await this.#try(() => this.#history.around(id), id);
  }

  async toEnd() {
    this.#aim = { to: 'end', id: 0 };
    if (this.#history.hasNewer) await this.#try(() => this.#history.newest());
    this.render();
  }

  /** The user wrote something: they are at the end now, and nothing is new. */
  wrote() {
    this.#line = -1;
    void this.toEnd();
  }

  /** @param {() => Promise<void>} read @param {number} [message] where to, should it have to be tried again */
  async #try(read, message = 0) {
    const history = this.#history;
    try {
      await read();
    } catch (err) {
      if (history.loaded) {
        // what was there is there still
        this.#aim = null;
        toast(plain(err), true);
      } else history.error = plain(err);
      if (isPassing(err))
        whenBack(`history ${this.#room}`, async () => {
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
      rows.push({ key: 'start', sig: state.open ? roomTitle(state.open) : '', make: () => beginning() });
    let before = /** @type {{ created_at: string, sender: { id: number }, deleted_at?: string } | null} */ (null);
    let drawn = false;
    for (const id of history.ids) {
      const m = /** @type {import('./types').Message} */ (history.messages.get(id));
      if (!before || dayKey(before.created_at) !== dayKey(m.created_at)) {
        rows.push({
          key: `d${dayKey(m.created_at)}`,
          sig: dayName(m.created_at),
          make: () => h('li.day', {}, h('span', {}, dayName(m.created_at))),
        });
        before = null;
      }
      if (!drawn && this.#line >= 0 && id > this.#line && !isMe(m.sender.id)) {
        drawn = true;
        before = null;
        rows.push({ key: 'new', sig: '', make: () => h('li.new-line', {}, h('span', {}, 'New')) });
      }
      const grouped =
        Boolean(before) &&
        before?.sender.id === m.sender.id &&
        !m.reply_to &&
        !before.deleted_at &&
        Date.parse(m.created_at) - Date.parse(before.created_at) < TOGETHER;
      const quoted = m.reply_to ? history.quote(m.reply_to) : undefined;
      rows.push({
        key: `m${id}`,
        sig: signatureOf(m, grouped, quoted),
        make: () => messageRow(m, grouped, quoted, () => this.render()),
      });
      before = m;
    }
    if (!history.hasNewer) {
      for (const u of state.unsent.filter((e) => e.room === this.#room)) {
        const grouped =
          Boolean(before && isMe(before.sender.id) && Date.parse(u.at) - Date.parse(before.created_at) < TOGETHER) &&
          !u.reply_to;
        rows.push({ key: `u${u.client_id}`, sig: unsentSignature(u, grouped), make: () => unsentRow(u, grouped) });
        before = { created_at: u.at, sender: { id: state.me?.id ?? 0 } };
      }
    }
    return rows;
  }

  render() {
    const unread = openMembership()?.unread_count ?? 0;
    if (this.#line < 0 && unread > 0 && !this.#looking()) this.#line = openMembership()?.last_read_id ?? 0;
    const anchor = this.#anchor();
    this.#list.set(this.#rows());
    this.#edges();
    this.#tabStop();
    if (this.#bar && !this.#bar.isConnected) this.#attachBar();
    if (this.#aim && this.#history.loaded && this.#history.loading !== 'page') this.#goThere();
    else if (this.#stick && !this.#history.hasNewer) this.#scrollToEnd();
    else if (anchor) this.#hold(anchor);
    this.#after();
  }

  #edges() {
    const { error, loaded, loading } = this.#history;
    const what = error && !loaded ? 'error' : loading === 'page' || !loaded ? 'page' : loading;
    if (this.#top.dataset.what === what) return;
    this.#top.dataset.what = what;
    if (what === 'error') {
      fill(
        this.#top,
        empty(
          'alert',
          'The messages could not be read',
          error,
          h('button.plain', { type: 'button', onclick: () => void this.open(0) }, 'Try again'),
        ),
      );
    } else fill(this.#top, what === 'page' || what === 'older' ? spinner('Loading messages') : false);
  }

  /** The first row on the screen, and where it is. */
  #anchor() {
    const top = this.#scroller.getBoundingClientRect().top;
    for (const el of this.#list.parent.children) {
      const box = el.getBoundingClientRect();
      if (box.bottom > top) return { key: /** @type {HTMLElement} */ (el).dataset.key ?? '', el, at: box.top };
    }
    return null;
  }

  /** @param {{ key: string, el: Element, at: number }} anchor */
  #hold({ key, el, at }) {
    const now = this.#list.get(key) ?? (el.isConnected ? el : null);
    if (now) this.#scroller.scrollTop += now.getBoundingClientRect().top - at;
  }

  #goThere() {
    const aim = this.#aim;
    this.#aim = null;
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
    this.#stick = this.#atEnd();
    if (aim?.to === 'message') {
      target.classList.add('flash');
      target.focus({ preventScroll: true });
      setTimeout(() => target.classList.remove('flash'), 2400);
    }
  }

  #atEnd() {
    const s = this.#scroller;
    return s.scrollHeight - s.scrollTop - s.clientHeight <= NEAR;
  }

  #scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#stick = true;
  }

  #scrolled() {
    this.#stick = this.#atEnd();
    this.#after();
  }

  /** What follows from where it is scrolled to. */
  #after() {
    const s = this.#scroller;
    const history = this.#history;
    if (history.loaded && !this.#aim) {
      if (s.scrollTop < AHEAD) history.older().catch(() => {});
      if (s.scrollHeight - s.scrollTop - s.clientHeight < AHEAD) history.newer().catch(() => {});
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
        unread > 0 ? count(unread, 'new message') : h('span.visually-hidden', {}, 'To the newest message'),
      );
    }
    this.#seen();
  }

  #looking() {
    return (
      !document.hidden &&
      document.hasFocus() &&
      this.#history.loaded &&
      !this.#history.hasNewer &&
      this.#stick &&
      !this.#aim
    );
  }

  #seen() {
    if (this.#looking() && openMembership()) void markRead(this.#room, this.#history.lastOfOthers(state.me?.id ?? 0));
  }

  /** @param {Element} target */
  #focused(target) {
    const row = /** @type {HTMLElement | null} */ (target.closest('li.message'));
    if (row?.dataset.key) this.#setTabStop((this.#chosen = row.dataset.key));
    // A finger brings the focus before its click: a bar that came now would be under it.
    if (this.#hand !== 'touch' || target.matches(':focus-visible')) this.#showBar(target);
  }

  /**
   * A tap shows what can be done with a message, below it, and a second one hides it. What hovers has seen the bar before.
   * @param {Element} target
   */
  #tapped(target) {
    if (this.#hand === 'mouse' || this.#hand === 'pen') return;
    if (this.#bar?.contains(target)) {
      // What opens a menu stands beside it until it is closed; all else is done.
      if (!target.closest('[aria-haspopup]')) this.#dropBar();
      return;
    }
    if (!target.closest('.message-actions') && target.closest('a, button, input, select, summary, audio, video'))
      return;
    const row = /** @type {HTMLElement | null} */ (target.closest('li.message'));
    const again = row?.dataset.key && row.dataset.key === this.#barBefore;
    this.#dropBar();
    if (!row || again) return;
    this.#showBar(row);
    this.#bar?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {string} key */
  #setTabStop(key) {
    this.#list.get(this.#current)?.setAttribute('tabindex', '-1');
    this.#current = key;
    this.#list.get(key)?.setAttribute('tabindex', '0');
  }

  #tabStop() {
    const last = this.#history.last;
    this.#setTabStop(this.#list.get(this.#chosen) ? this.#chosen : last ? `m${last}` : '');
  }

  /** @param {KeyboardEvent} e */
  #key(e) {
    if (!(e.target instanceof HTMLElement) || !e.target.matches('li.message')) return;
    const rows = /** @type {HTMLElement[]} */ ([...this.#list.parent.querySelectorAll('li.message')]);
    const at = rows.indexOf(e.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    rows[to]?.focus();
  }

  /** @param {Element} target */
  #showBar(target) {
    const row = /** @type {HTMLElement | null} */ (target.closest('li.message'));
    const key = row?.dataset.key ?? '';
    if (!row || key === this.#barFor || document.querySelector('.menu, .emoji-picker')) return;
    this.#dropBar();
    this.#barFor = key;
    this.#attachBar();
  }

  #attachBar() {
    const row = this.#list.get(this.#barFor);
    const m = this.#history.messages.get(Number(row?.dataset.id));
    this.#bar?.remove();
    this.#bar = m && !m.deleted_at ? toolbar(m) : null;
    if (!this.#bar || !row) return;
    this.#bar.classList.toggle('flat', this.#hand === 'touch' || (this.#hand === '' && coarse.matches));
    // Above the row, unless that is out of sight.
    this.#bar.classList.toggle(
      'low',
      row.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top < 32,
    );
    row.append(this.#bar);
  }

  #dropBar() {
    this.#bar?.remove();
    this.#bar = null;
    this.#barFor = '';
  }
}

const coarse = matchMedia('(pointer: coarse)');

/** Whether what points can be over something without a press. A finger is "over" what it presses, and leaves before its click. @param {PointerEvent} e */
const hovers = (e) => e.pointerType !== 'touch';

function beginning() {
  const room = state.open;
  const title = room ? roomTitle(room) : '';
  const text =
    room?.kind === 'direct'
      ? 'Only the two of you can read what is written here.'
      : room?.kind === 'private'
        ? 'Only those who were invited can find this room.'
        : 'Everybody on this server can find and read this channel.';
  return h(
    'li.beginning',
    {},
    h('h2', {}, room?.kind === 'direct' ? `You and ${title}` : `This is the beginning of ${title}`),
    h('p', {}, text),
  );
}
