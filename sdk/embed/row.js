// One message: a stored one, or one that is on its way.

import { h, hasFocus, setText } from './dom.js';
import { formatSize, initials, withLinks } from './format.js';
import { fill } from './texts.js';

/** @typedef {import('../sdk').Message} Message */
/** @typedef {import('../sdk').Pending} Pending */
/** @typedef {import('../sdk').UserRef} UserRef */
/** @typedef {ReturnType<typeof import('./format.js').timesFor>} Times */

/**
 * @typedef {object} Item
 * @property {string} key
 * @property {Message} [message]
 * @property {Pending} [pending]
 * @property {UserRef} sender
 * @property {boolean} own
 * @property {boolean} follows the same sender wrote the message before it, shortly before
 */

/**
 * @typedef {object} Actions what the user does with a message; the promises may be rejected
 * @property {(message: Message) => void} edit
 * @property {(pending: Pending) => void} restore gives it up, and its text goes back into the field
 * @property {(message: Message) => Promise<void>} remove
 * @property {(message: Message, emoji: string, on: boolean) => Promise<void>} react
 */

/** Whether a message has what the field has no place for. @param {Pending} pending */
const isMore = ({ files, reply_to, ...rest }) =>
  Boolean(files.length || reply_to || /** @type {{ file_ids?: string[] }} */ (rest).file_ids?.length);

export class Row {
  #sender = h('span', { part: 'sender', dir: 'auto' });
  #time = h('time', { part: 'time' });
  #avatar = h('span', { class: 'avatar', part: 'avatar', 'aria-hidden': 'true' });
  #text = h('span', { class: 'text', part: 'text', dir: 'auto' });
  #extra = h('div', { class: 'extra' });
  #note = h('div', { class: 'note', 'aria-live': 'off' }); // buttons that appear are not read out
  #signature = '';
  #asks = false; // whether to delete it
  /** @type {Item | null} */ #item = null;

  /** @param {import('./texts.js').Texts} texts @param {Times} times @param {Actions} actions */
  constructor(texts, times, actions) {
    this.texts = texts;
    this.times = times;
    this.actions = actions;
    this.el = h(
      'li',
      { tabindex: '-1' },
      this.#avatar,
      h(
        'div',
        { class: 'body' },
        h('div', { class: 'head' }, this.#sender, ' ', this.#time),
        h('div', { class: 'bubble', part: 'bubble' }, this.#text, this.#extra),
        this.#note,
      ),
    );
    // Only the buttons and links of the message that has the focus are in the order of the Tab key.
    this.el.addEventListener('focusin', () => this.#setTabIndex(0));
    this.el.addEventListener('focusout', () => this.#setTabIndex(-1));
  }

  /** @param {number} value */
  #setTabIndex(value) {
    for (const el of this.el.querySelectorAll('a, button')) el.tabIndex = el.matches('.failed button') ? 0 : value;
  }

  /** @param {Item} item */
  update(item) {
    this.#item = item;
    const { message, pending, sender, own, follows } = item;
    const signature = JSON.stringify([
      message ?? [pending?.state, pending?.error?.message],
      sender,
      follows,
      this.#asks,
    ]);
    if (signature === this.#signature) return;
    this.#signature = signature;
    const { deleted_at, created_at, text = '' } = message ?? { ...pending, deleted_at: undefined };
    const failed = pending?.state === 'failed';
    const states = { own, follows, deleted: deleted_at, pending: pending && !failed, failed };
    const names = Object.entries(states).flatMap(([name, is]) => (is ? [name] : []));
    this.el.className = ['message', ...names].join(' ');
    this.el.setAttribute('part', this.el.className);
    setText(this.#avatar, initials(sender.display_name));
    this.#avatar.style.setProperty('--hue', String((sender.id * 67) % 360));
    setText(this.#sender, own ? this.texts.you : sender.display_name);
    const time = new Date(created_at ?? 0);
    this.#time.dateTime = created_at;
    setText(this.#time, this.times.clock(time));
    const shown = deleted_at ? this.texts.deleted : text;
    if (this.#text.textContent !== shown) this.#text.replaceChildren(withLinks(shown));
    this.#extra.replaceChildren(...this.#files(), ...this.#reactions());
    this.#fillNote();
    this.#setTabIndex(hasFocus(this.el) ? 0 : -1);
  }

  /** Files are named: to show them, a page would need the user's token in its address. */
  #files() {
    return (this.#item?.message?.files ?? []).map(({ name, size }) =>
      h('span', { class: 'file', part: 'file' }, h('bdi', {}, name), ` ${formatSize(size)}`),
    );
  }

  #reactions() {
    const message = this.#item?.message;
    return (message?.reactions ?? []).map(({ emoji, count, me }) =>
      h(
        'button',
        {
          class: 'reaction',
          part: 'reaction',
          type: 'button',
          'aria-pressed': String(Boolean(me)),
          onclick: () => void this.actions.react(/** @type {Message} */ (message), emoji, !me).catch(() => {}),
        },
        `${emoji} ${count}`,
      ),
    );
  }

  #fillNote() {
    const { message, pending, own } = /** @type {Item} */ (this.#item);
    const hadFocus = hasFocus(this.#note);
    const { texts } = this;
    const children = [];
    if (pending?.state === 'sending') children.push(h('span', {}, texts.sending));
    if (pending?.state === 'failed') {
      children.push(
        h('span', { part: 'error', role: 'alert' }, fill(texts.failed, { reason: pending.error?.message ?? '' })),
        this.#button(texts.retry, () => pending.retry()),
        pending.text && !isMore(pending) && this.#button(texts.edit, () => this.actions.restore(pending)),
        this.#button(texts.discard, () => pending.discard()),
      );
    }
    if (message?.edited_at && !message.deleted_at) children.push(h('span', {}, texts.edited));
    if (message && own && !message.deleted_at) children.push(this.#ownActions(message));
    this.#note.replaceChildren(...children.filter(Boolean));
    if (hadFocus) (this.#note.querySelector('button') ?? this.el).focus({ preventScroll: true });
  }

  /** @param {Message} message */
  #ownActions(message) {
    const { texts, actions } = this;
    if (this.#asks) {
      const remove = () => {
        this.#ask(false);
        void actions.remove(message).catch(() => {});
      };
      return h(
        'span',
        { class: 'question' },
        h('span', {}, texts.deleteQuestion),
        this.#button(texts.cancel, () => this.#ask(false)),
        this.#button(texts.delete, remove),
      );
    }
    return h(
      'span',
      { class: 'actions', part: 'actions' },
      message.text && this.#button(texts.edit, () => actions.edit(message)),
      this.#button(texts.delete, () => this.#ask(true)),
    );
  }

  /** @param {boolean} asks */
  #ask(asks) {
    this.#asks = asks;
    if (this.#item) this.update(this.#item);
  }

  /** @param {string} label @param {() => void} f */
  #button(label, f) {
    return h('button', { class: 'link', part: 'action', type: 'button', onclick: f }, label);
  }
}
