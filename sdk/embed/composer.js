// Where the user writes: Enter sends, Shift+Enter begins a line, the up arrow in an empty field edits the last message.

import { h, icon, setText } from './dom.js';
import { fill } from './texts.js';

/** @typedef {import('../sdk').Room} Room */
/** @typedef {import('../sdk').Message} Message */

const MAX_LENGTH = 8000; // Unicode characters

export class Composer {
  #input;
  #send;
  #banner;
  #error = h('p', { class: 'error', part: 'error', role: 'alert' });
  #count = h('p', { id: 'count', class: 'count', part: 'count', role: 'status' });
  /** @type {Message | null} */ #edited = null;
  #draft = '';
  /** @type {Room | null} */ #room = null;

  /**
   * @param {import('./texts.js').Texts} texts
   * @param {{ sent: () => void, editLast: () => void, refused: (error: Error, message: string) => void }} on
   */
  constructor(texts, on) {
    this.texts = texts;
    this.on = on;
    this.#input = h('textarea', {
      part: 'input',
      rows: '1',
      dir: 'auto',
      enterkeyhint: 'send',
      'aria-describedby': 'count',
    });
    this.#send = h('button', { class: 'send', part: 'send', type: 'submit' }, icon('M12 19V5m-6 6 6-6 6 6'));
    this.#banner = h(
      'p',
      { class: 'banner', part: 'banner' },
      h('span', {}, texts.editing),
      h('button', { class: 'link', type: 'button', onclick: () => this.edit(null) }, texts.cancel),
    );
    this.el = h(
      'form',
      { class: 'composer', part: 'composer', onsubmit: (/** @type {Event} */ e) => this.#submit(e) },
      this.#error,
      this.#banner,
      this.#count,
      h('div', { class: 'field', part: 'field' }, this.#input, this.#send),
    );
    this.#input.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => this.#onKey(e));
    this.#input.addEventListener('input', () => {
      this.#fit();
      if (!this.#edited && this.#input.value) this.#room?.type();
    });
    this.edit(null);
  }

  /** @param {Room} room */
  update(room) {
    this.#room = room;
    this.#input.setAttribute('aria-label', fill(this.texts.message, { room: room.name }));
    this.#input.placeholder = this.texts.placeholder;
    if (this.#edited && room.messages.some((m) => m.id === this.#edited?.id && m.deleted_at)) this.edit(null);
  }

  focus() {
    this.#input.focus();
  }

  /** Edits a message; with null, writes a new one. @param {Message | null} message */
  edit(message) {
    if (message && !this.#edited) this.#draft = this.#input.value;
    if (message || this.#edited) this.#input.value = message ? message.text : this.#draft;
    this.#edited = message;
    this.#banner.hidden = !message;
    this.#error.textContent = '';
    this.#send.setAttribute('aria-label', message ? this.texts.save : this.texts.send);
    this.#fit();
    if (message) this.focus();
  }

  /** A text that was not sent comes back, before what is written meanwhile. @param {string} text */
  restore(text) {
    this.edit(null);
    this.#input.value = [text, this.#input.value].filter(Boolean).join('\n');
    this.#fit();
    this.focus();
  }

  /** How many characters are too many: not units of UTF-16, of which an emoji has two. */
  get #excess() {
    const { value } = this.#input;
    return value.length > MAX_LENGTH ? [...value].length - MAX_LENGTH : 0;
  }

  /** @param {KeyboardEvent} e */
  #onKey(e) {
    if (e.isComposing) return; // Enter chooses a word of an input method
    if (e.key === 'Enter' && !e.shiftKey && !e.altKey) {
      e.preventDefault();
      this.el.requestSubmit();
    } else if (e.key === 'Escape' && this.#edited) {
      e.stopPropagation(); // a dialog of the page stays open
      e.preventDefault();
      this.edit(null);
    } else if (e.key === 'ArrowUp' && !this.#input.value && !this.#edited) {
      e.preventDefault();
      this.on.editLast();
    }
  }

  /** @param {Event} e */
  async #submit(e) {
    e.preventDefault();
    const text = this.#input.value;
    const [room, edited] = [this.#room, this.#edited];
    if (!room || !text.trim() || this.#excess > 0) return;
    if (!edited) {
      room.send(text);
      this.#input.value = '';
      this.#fit();
      this.focus(); // also after a press of the button, so that the keyboard of a phone stays
      this.on.sent();
      return;
    }
    try {
      if (text !== edited.text) await room.edit(edited.id, text);
      if (this.#edited === edited) this.edit(null);
    } catch (err) {
      const error = /** @type {Error} */ (err);
      this.#error.textContent = error.message;
      this.on.refused(error, error.message);
    }
  }

  /** The field grows with its text. */
  #fit() {
    const excess = Math.max(0, this.#excess);
    setText(this.#count, excess ? fill(this.texts.tooLong, { count: excess }) : '');
    this.#input.ariaInvalid = String(excess > 0);
    this.#send.ariaDisabled = String(excess > 0); // not disabled: the focus may be on it
    this.#send.classList.toggle('idle', excess > 0 || !this.#input.value.trim());
    this.#input.style.height = 'auto';
    const { scrollHeight } = this.#input; // 0 while the element is not shown
    if (scrollHeight) this.#input.style.height = `${scrollHeight}px`;
  }
}
