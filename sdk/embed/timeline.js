// The messages of a room. The list stays where the reader is: at the newest message, or at the one that is read.

import { h, hasFocus, icon, KeyedList, setText } from './dom.js';
import { Row } from './row.js';
import { fill } from './texts.js';

/** @typedef {import('../sdk').Room} Room */
/** @typedef {import('../sdk').User} User */
/** @typedef {import('./row.js').Item} Item */
/** @typedef {{ key: string, label?: string, item?: Item }} Line a message, or a line between messages */

const TOGETHER = 5 * 60_000; // milliseconds within which messages of one sender form a group
const NEAR = 200; // pixels before the end of what is loaded at which more is loaded
const AT_END = 24; // pixels

export class Timeline {
  #list = h('ol');
  #older = h('button', { class: 'older', part: 'older', type: 'button', onclick: () => this.#loadOlder(true) });
  #empty = h('p', { class: 'empty', part: 'empty' });
  #typing = h('p', { class: 'typing', part: 'typing', 'aria-live': 'off' });
  #jumpText = h('span');
  #jump = h(
    'button',
    { class: 'jump', part: 'jump', type: 'button', onclick: () => void this.toEnd() },
    icon('M12 5v14m-6-6 6 6 6-6'),
    this.#jumpText,
  );
  #log = h(
    'div',
    { class: 'log', part: 'log', role: 'log', 'aria-live': 'polite', tabindex: '0' },
    this.#older,
    this.#empty,
    this.#list,
    this.#typing,
  );
  el = h('div', { class: 'timeline' }, this.#log, this.#jump);
  /** @type {Room | null} */ #room = null;
  /** @type {User | null} */ #user = null;
  #lastRead = Infinity; // the number of the last message that was read when the room was opened
  #isAtEnd = true;
  #isLoading = false;
  #failed = false;
  #resized = new ResizeObserver(() => {
    if (this.#isAtEnd) this.#scrollToEnd();
    this.#loadNear();
  });

  /**
   * @param {import('./texts.js').Texts} texts @param {import('./row.js').Times} times
   * @param {import('./row.js').Actions} actions @param {() => void} moved the reader has scrolled
   */
  constructor(texts, times, actions, moved) {
    this.texts = texts;
    this.times = times;
    /** @type {KeyedList<Line>} */
    this.rows = new KeyedList(this.#list, ({ item, label }) => {
      if (!item) return lineFor(label === texts.unread ? 'unread' : 'day');
      const row = new Row(texts, times, actions);
      return { el: row.el, update: (line) => line.item && row.update(line.item) };
    });
    this.#log.addEventListener('scroll', () => {
      this.#isAtEnd = this.#fromEnd < AT_END;
      this.#loadNear();
      this.#showJump();
      moved();
    });
    this.#log.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => this.#onKey(e));
    this.#resized.observe(this.#log);
    this.#resized.observe(this.#list);
  }

  /** @returns {HTMLElement[]} */
  get #messages() {
    return [...this.#list.querySelectorAll('.message')];
  }

  get #fromEnd() {
    return this.#log.scrollHeight - this.#log.clientHeight - this.#log.scrollTop;
  }

  /** Whether the reader sees the newest message. */
  get isAtEnd() {
    return this.#isAtEnd && !this.#room?.hasNewer;
  }

  /** @param {Room} room @param {User} user */
  open(room, user) {
    this.#room = room;
    this.#user = user;
    this.#lastRead = room.unread ? (room.membership?.last_read_id ?? 0) : Infinity;
    this.#isAtEnd = true;
    this.#log.setAttribute('aria-busy', 'true'); // the history is not read out
    this.update();
    const unread = this.#list.querySelector('.unread');
    if (unread) this.#log.scrollTop = Math.min(this.#log.scrollTop, unread.offsetTop); // of the page, nothing scrolls
    this.#isAtEnd = this.#fromEnd < AT_END;
    requestAnimationFrame(() => this.#log.removeAttribute('aria-busy'));
  }

  close() {
    this.#resized.disconnect();
    this.#room = null;
  }

  update() {
    const room = this.#room;
    if (!room) return;
    const { texts } = this;
    const top = this.#log.scrollTop;
    const anchor = this.#messages.find((li) => li.offsetTop + li.offsetHeight > top);
    const before = anchor?.offsetTop ?? 0;
    this.rows.set(this.#lines(room));
    this.#log.setAttribute('aria-label', fill(texts.messages, { room: room.name }));
    this.#older.hidden = !room.hasOlder;
    setText(this.#older, this.#failed ? `${texts.olderFailed} ${texts.retry}` : texts.older);
    setText(this.#empty, this.#list.childElementCount ? '' : texts.empty);
    const [typing, ...more] = room.typing;
    const one = typing ? fill(texts.typingOne, { name: typing.display_name }) : '';
    setText(this.#typing, more.length ? texts.typingMany : one);
    if (this.#isAtEnd) this.#scrollToEnd();
    else if (anchor?.isConnected) this.#log.scrollTop = top + anchor.offsetTop - before;
    this.#showJump();
    this.#loadNear();
  }

  /** @param {Room} room @returns {Line[]} */
  #lines(room) {
    /** @type {Line[]} */ const lines = [];
    const me = /** @type {User} */ (this.#user);
    let day = '';
    /** @type {{ sender: number, at: number } | null} */ let previous = null;
    let isUnread = false;
    const stored = new Set();
    /** @param {Omit<Item, 'follows'>} item @param {string} created_at */
    const add = (item, created_at) => {
      const time = new Date(created_at);
      if (day !== time.toDateString()) {
        day = time.toDateString();
        lines.push({ key: `day ${day}`, label: this.times.day(time, this.texts) });
        previous = null;
      }
      const [sender, at] = [item.sender.id, time.getTime()];
      const follows = previous?.sender === sender && at - previous.at < TOGETHER;
      lines.push({ key: item.key, item: { ...item, follows } });
      previous = { sender, at };
    };
    for (const message of room.messages) {
      const own = message.sender.id === me.id;
      if (!isUnread && message.id > this.#lastRead && !own) {
        isUnread = true;
        if (previous || !room.hasOlder) lines.push({ key: 'unread', label: this.texts.unread });
        previous = null;
      }
      const key = own && message.client_id ? message.client_id : String(message.id);
      stored.add(key);
      add({ key, message, sender: message.sender, own }, message.created_at);
    }
    for (const pending of room.hasNewer ? [] : room.pending) {
      const key = pending.client_id;
      if (!stored.has(key)) add({ key, pending, sender: me, own: true }, pending.created_at);
    }
    return lines;
  }

  #showJump() {
    this.#jump.hidden = this.isAtEnd;
    const count = this.#room?.unread;
    setText(this.#jumpText, count ? fill(this.texts.newCount, { count }) : '');
    this.#jump.setAttribute('aria-label', count ? fill(this.texts.newCount, { count }) : this.texts.newest);
  }

  #scrollToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Shows the newest message: the user has written one, or wants to see it. */
  async toEnd() {
    this.#lastRead = Infinity;
    this.#isAtEnd = true;
    if (this.#room?.hasNewer) await this.#room.loadNewest().catch(() => {});
    this.update();
  }

  /** Loads more where the reader comes near the end of what is loaded. An element that is not shown has no reader. */
  #loadNear() {
    if (!this.#log.clientHeight) return;
    if (this.#log.scrollTop < NEAR) void this.#loadOlder(false);
    if (this.#fromEnd < NEAR && this.#room?.hasNewer) this.#room.loadNewer().catch(() => {});
  }

  /** @param {boolean} again after a failure too */
  async #loadOlder(again) {
    const room = this.#room;
    if (!room?.hasOlder || this.#isLoading || (this.#failed && !again)) return;
    this.#isLoading = true;
    this.#failed = false;
    this.#log.setAttribute('aria-busy', 'true');
    const hadFocus = hasFocus(this.#older);
    try {
      await room.loadOlder();
    } catch {
      this.#failed = true;
    }
    this.#isLoading = false;
    this.update();
    if (hadFocus && this.#older.hidden) this.#log.focus();
    requestAnimationFrame(() => this.#log.removeAttribute('aria-busy'));
  }

  /** The arrow keys move from message to message. @param {KeyboardEvent} e */
  #onKey(e) {
    if ((e.key !== 'ArrowUp' && e.key !== 'ArrowDown') || e.altKey || e.ctrlKey || e.metaKey) return;
    const rows = this.#messages;
    const at = rows.findIndex(hasFocus);
    const next = at < 0 ? rows.at(-1) : rows[at + (e.key === 'ArrowUp' ? -1 : 1)];
    if (!next) return;
    e.preventDefault();
    next.focus();
  }
}

/** A line between messages. @param {string} name */
function lineFor(name) {
  const text = h('span');
  const el = h('li', { class: name, part: name }, text);
  return { el, update: (/** @type {Line} */ { label = '' }) => setText(text, label) };
}
