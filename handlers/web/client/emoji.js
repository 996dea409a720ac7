// The emoji picker: common emoji, and a field for any other.

import { h } from './dom.js';
import { openBeside } from './menu.js';

const COMMON = [
  ['👍', 'thumbs up'],
  ['❤️', 'heart'],
  ['😂', 'laughing'],
  ['🎉', 'party'],
  ['😮', 'surprised'],
  ['😢', 'crying'],
  ['🙏', 'thanks'],
  ['👀', 'eyes'],
  ['😀', 'grinning'],
  ['😊', 'smiling'],
  ['😉', 'winking'],
  ['😍', 'in love'],
  ['🤔', 'thinking'],
  ['😅', 'sweating'],
  ['😎', 'cool'],
  ['🥳', 'celebrating'],
  ['😴', 'sleeping'],
  ['😬', 'grimacing'],
  ['🙄', 'rolling eyes'],
  ['😭', 'sobbing'],
  ['😡', 'angry'],
  ['🤯', 'mind blown'],
  ['🤝', 'handshake'],
  ['👏', 'clapping'],
  ['🙌', 'raised hands'],
  ['💪', 'strong'],
  ['👋', 'waving'],
  ['👌', 'OK'],
  ['🤞', 'fingers crossed'],
  ['👎', 'thumbs down'],
  ['✅', 'done'],
  ['❌', 'no'],
  ['🔥', 'fire'],
  ['⭐', 'star'],
  ['💡', 'idea'],
  ['🚀', 'rocket'],
  ['💯', 'hundred'],
  ['⏳', 'waiting'],
  ['☕', 'coffee'],
  ['🍵', 'tea'],
  ['🍕', 'pizza'],
  ['🎂', 'cake'],
  ['🌈', 'rainbow'],
  ['☀️', 'sun'],
  ['🐛', 'bug'],
  ['🔧', 'wrench'],
  ['📌', 'pin'],
  ['❓', 'question'],
];
const COLUMNS = 8;

/** @param {HTMLElement} anchor @param {(emoji: string) => void} choose @param {'below' | 'above'} [side] */
export function pickEmoji(anchor, choose, side = 'below') {
  const pick = (/** @type {string} */ emoji) => {
    picker.hidePopover();
    choose(emoji);
  };
  const grid = h(
    'div.emoji-grid',
    { role: 'group', 'aria-label': 'Common emoji', onkeydown: moveFocus },
    COMMON.map(([emoji, name], i) =>
      h(
        'button',
        { type: 'button', 'aria-label': name, title: name, tabindex: i ? '-1' : '0', onclick: () => pick(emoji) },
        emoji,
      ),
    ),
  );
  const other = h('input.input', {
    type: 'text',
    'aria-label': 'Any other emoji',
    placeholder: 'Any other emoji',
    autocomplete: 'off',
  });
  const picker = h(
    'div.emoji-picker',
    { role: 'dialog', 'aria-label': 'Choose an emoji' },
    grid,
    h(
      'form',
      {
        onsubmit: (/** @type {Event} */ e) => {
          e.preventDefault();
          if (other.value.trim()) pick(other.value.trim());
        },
      },
      other,
      h('button.plain', { type: 'submit' }, 'Use'),
    ),
  );
  openBeside(anchor, picker, side);
  grid.firstElementChild?.focus();

  /** @param {KeyboardEvent} e */
  function moveFocus(e) {
    const all = [...grid.children];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + COLUMNS, ArrowUp: at - COLUMNS }[e.key];
    if (to === undefined || !all[to]) return;
    e.preventDefault();
    all[at]?.setAttribute('tabindex', '-1');
    all[to].setAttribute('tabindex', '0');
    all[to].focus();
  }
}
