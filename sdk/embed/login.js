// What is shown instead of the messages: a form for the name of a guest, or a notice with a button.

import { h, setText } from './dom.js';

/** @typedef {import('./texts.js').Texts} Texts */

/** @param {Texts} texts @param {(username: string) => Promise<string>} logIn returns what is wrong */
export function loginForm(texts, logIn) {
  const input = h('input', {
    part: 'input',
    name: 'username',
    autocomplete: 'nickname',
    autocapitalize: 'none',
    spellcheck: 'false',
    required: true,
    'aria-describedby': 'problem',
  });
  const problem = h('p', { id: 'problem', class: 'error', part: 'error', role: 'alert' });
  const button = h('button', { class: 'primary', part: 'button', type: 'submit' }, texts.join);
  const onsubmit = async (/** @type {Event} */ e) => {
    e.preventDefault();
    if (button.ariaBusy === 'true') return; // not disabled: the focus may be on it
    button.ariaBusy = 'true';
    setText(problem, '');
    const wrong = await logIn(input.value.trim());
    button.ariaBusy = 'false';
    setText(problem, wrong);
    input.setAttribute('aria-invalid', String(Boolean(wrong)));
    if (wrong) input.focus();
  };
  return h(
    'form',
    { class: 'panel', part: 'login', onsubmit },
    h('p', {}, texts.intro),
    h('label', {}, h('span', {}, texts.username), input),
    problem,
    button,
  );
}

/** @param {string} text @param {string} [label] of the button @param {() => void} [f] */
export const notice = (text, label, f) =>
  h(
    'div',
    { class: 'panel', part: 'notice' },
    h('p', { role: 'alert' }, text),
    label && h('button', { class: 'primary', part: 'button', type: 'button', onclick: f }, label),
  );
