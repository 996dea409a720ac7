// Makes the text of a message into nodes: links, code, mentions of the reader. Never markup from strings.

import { h } from './dom.js';

const FENCE = /```([^\n`]*)\n?([\s\S]*?)```/g;
const INLINE = /`([^`\n]+)`|\bhttps?:\/\/[^\s<>"'`]+|(?<![\p{L}\p{N}_])@[\p{L}][\p{L}\p{N}._-]*/gu;
// Control characters would be invisible, and could move what is around them; they are shown as their pictures.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;
const EMOJI_ONLY = /^(?:\s*(?:\p{RGI_Emoji}|\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F?)){1,6}\s*$/v;

/** @param {string} text */
export const clean = (text) => text.replace(/\r\n?/g, '\n').replace(CONTROL, (c) => (c === '\u007f' ? '\u2421' : String.fromCharCode(0x2400 + c.charCodeAt(0))));

/** Whether a text is a few emoji and nothing else, to be shown large. @param {string} text */
export const isEmoji = (text) => text.length <= 60 && EMOJI_ONLY.test(text);

/**
 * @param {string} text
 * @param {string} [me] the reader's username, to mark their mentions
 */
export function renderText(text, me) {
  const out = document.createDocumentFragment();
  const source = clean(text);
  let at = 0;
  for (const fence of source.matchAll(FENCE)) {
    inline(out, source.slice(at, fence.index).replace(/\n$/, ''), me);
    out.append(h('pre', { tabindex: '0', 'aria-label': fence[1].trim() ? `Code, ${fence[1].trim()}` : 'Code', role: 'group' },
      h('code', {}, fence[2].replace(/\n$/, '') || ' ')));
    at = fence.index + fence[0].length;
    if (source[at] === '\n') at++;
  }
  inline(out, source.slice(at), me);
  return out;
}

/** @param {DocumentFragment} out @param {string} text @param {string} [me] */
function inline(out, text, me) {
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    let whole = found[0];
    let node;
    if (found[1] !== undefined) node = h('code', {}, found[1]);
    else if (whole.startsWith('@')) {
      whole = whole.replace(/[.-]+$/, '');
      node = mention(whole, me);
    } else {
      whole = withoutTail(whole);
      node = link(whole);
    }
    if (!node) continue;
    out.append(text.slice(at, found.index), node);
    at = found.index + whole.length;
  }
  if (at < text.length) out.append(text.slice(at));
}

/** @type {Record<string, string>} */
const OPENS = { ')': '(', ']': '[', '}': '{' };

/**
 * A full stop or a bracket behind an address belongs to the sentence. Brackets are counted once: to count them again for
 * each that is cut off would freeze the page over a text of nothing else.
 * @param {string} address
 */
function withoutTail(address) {
  /** @type {Record<string, number>} */
  const count = { '(': 0, ')': 0, '[': 0, ']': 0, '{': 0, '}': 0 };
  for (const c of address) if (c in count) count[c]++;
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1];
    if (last in OPENS) {
      if (count[last] <= count[OPENS[last]]) break;
      count[last]--;
    } else if (!'.,;:!?…*_~'.includes(last)) break;
  }
  return address.slice(0, end);
}

/** @param {string} address */
function link(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  if (url.origin === location.origin && url.pathname === '/' && url.hash.startsWith('#/')) return h('a', { href: url.hash }, address);
  return h('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, address);
}

/** @param {string} whole @param {string} [me] */
function mention(whole, me) {
  const mine = me !== undefined && whole.slice(1).toLowerCase() === me.toLowerCase();
  return h('span.mention', { class: mine ? 'mine' : '' }, whole);
}

/** One line of a message, for quotes and lists. @param {import('./types').Message} m */
export function summary(m) {
  if (m.deleted_at) return 'Message deleted';
  if (m.text) return clean(m.text).replace(/```[^\n`]*|`/g, '').replace(/\s+/g, ' ').slice(0, 200);
  if (m.files.length === 1) return m.files[0].name;
  return m.files.length ? `${m.files.length} files` : '';
}
