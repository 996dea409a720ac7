// The button that logs out, and the question before it: what a guest wrote is deleted with the guest.

import { h, hasFocus, setText } from './dom.js';

/** @typedef {import('../sdk').User} User */

export class LogOut {
  /** @type {User | null} */ #user = null;
  #text = h('span', { id: 'question' });
  #cancel;
  #asks = false;

  /** @param {import('./texts.js').Texts} texts @param {() => void} logOut */
  constructor(texts, logOut) {
    this.texts = texts;
    const confirm = () => {
      this.#ask(false);
      logOut();
    };
    const press = () => (this.#user?.guest ? this.#ask(true) : logOut());
    this.button = h('button', { class: 'link', part: 'log-out', type: 'button', hidden: true, onclick: press });
    setText(this.button, texts.logOut);
    this.#cancel = this.#link(texts.cancel, () => this.#ask(false));
    this.question = h(
      'div',
      { class: 'bar', part: 'question', role: 'group', 'aria-labelledby': 'question', hidden: true },
      this.#text,
      this.#cancel,
      this.#link(texts.logOut, confirm),
    );
    this.question.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => {
      if (e.key !== 'Escape') return;
      e.stopPropagation(); // a dialog of the page stays open
      e.preventDefault();
      this.#ask(false);
    });
  }

  /** Shows the button if there is a user who can log out. @param {User | null} user */
  update(user) {
    if (user?.id !== this.#user?.id) this.#asks = false;
    this.#user = user;
    this.#show();
  }

  #show() {
    this.button.hidden = !this.#user || this.#asks;
    this.question.hidden = !this.#asks;
    setText(this.#text, this.#asks ? this.texts.logOutQuestion : '');
  }

  /** @param {boolean} asks */
  #ask(asks) {
    const hadFocus = hasFocus(this.question);
    this.#asks = asks;
    this.#show();
    if (asks) this.#cancel.focus();
    else if (hadFocus) this.button.focus();
  }

  /** @param {string} label @param {() => void} f */
  #link(label, f) {
    return h('button', { class: 'link', part: 'action', type: 'button', onclick: f }, label);
  }
}
