// Parses the text of a message and renders it as nodes: links, code and mentions. Strings never become markup.

import { h } from './dom.js';

/**
 * A part of a text; note is the language of a block, or a mention with the punctuation after it.
 * @typedef {{ kind: 'text' | 'code' | 'block' | 'link' | 'mention', text: string, note?: string }} Piece
 */

const FENCE = '```';
// Each alternative matches a run of characters and ends at its end, so that there is no backtracking over a text.
const INLINE = /`([^`\n]+)`|\bhttps?:\/\/[^\s<>"'`]+|(?<![\p{L}\p{M}\p{Nd}_@])@\p{L}[\p{L}\p{M}\p{Nd}._-]*/gu;
const [MIN_NAME, MAX_NAME] = [2, 32];
// Control characters are invisible and can change the text around them; they are replaced by their visible symbols.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;
const EMOJI_ONLY = /^(?:\s*(?:\p{RGI_Emoji}|\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F?)){1,6}\s*$/v;

/** @param {string} text */
export const clean = (text) =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(CONTROL, (c) => (c === '\u007f' ? '\u2421' : String.fromCharCode(0x2400 + c.charCodeAt(0))));

/** Whether a text is only a few emoji, to be shown large. @param {string} text */
export const isEmojiOnly = (text) => text.length <= 60 && EMOJI_ONLY.test(text);

/**
 * Splits a text into pieces, in order. The time is linear in the length of any text.
 * @param {string} text @returns {Piece[]}
 */
export function parseText(text) {
  /** @type {Piece[]} */
  const out = [];
  const source = clean(text);
  let at = 0;
  for (let open = source.indexOf(FENCE); open >= 0; open = source.indexOf(FENCE, at)) {
    const close = source.indexOf(FENCE, open + FENCE.length);
    if (close < 0) break;
    parseInline(out, source.slice(at, source[open - 1] === '\n' ? open - 1 : open));
    out.push(parseBlock(source.slice(open + FENCE.length, close)));
    at = close + FENCE.length;
    if (source[at] === '\n') at++;
  }
  parseInline(out, source.slice(at));
  return out;
}

/**
 * Parses a code block; the rest of the line of the opening fence is the language.
 * @param {string} inside @returns {Piece}
 */
function parseBlock(inside) {
  const line = inside.indexOf('\n');
  const note = line < 0 ? '' : inside.slice(0, line);
  const code = line < 0 || note.includes('`') ? inside : inside.slice(line + 1);
  return {
    kind: 'block',
    text: code.endsWith('\n') ? code.slice(0, -1) : code,
    note: code === inside ? '' : note.trim(),
  };
}

/** @param {Piece[]} out @param {string} text */
function parseInline(out, text) {
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    const piece = parseMatch(found, text);
    if (!piece) continue;
    if (found.index > at) out.push({ kind: 'text', text: text.slice(at, found.index) });
    out.push(piece);
    at = found.index + (piece.kind === 'code' ? found[0] : piece.text).length;
  }
  if (at < text.length) out.push({ kind: 'text', text: text.slice(at) });
}

/** @param {RegExpExecArray} found @param {string} text @returns {Piece | null} */
function parseMatch(found, text) {
  const [match, code] = found;
  if (code !== undefined) return { kind: 'code', text: code };
  if (!match.startsWith('@')) {
    const address = trimLink(match);
    return URL.canParse(address) ? { kind: 'link', text: address } : null;
  }
  if (text[found.index + match.length] === '@') return null; // an address such as @anna@example.org
  const name = trimName(match);
  const length = [...name.slice(0, 2 * MAX_NAME + 2)].length - 1;
  return length >= MIN_NAME && length <= MAX_NAME ? { kind: 'mention', text: name, note: match } : null;
}

/** Removes the full stops and dashes at the end, which belong to the sentence. @param {string} name */
function trimName(name) {
  let end = name.length;
  while (end > 0 && '.-'.includes(name[end - 1])) end--;
  return name.slice(0, end);
}

const FULL_WIDTH = /[\u3000\uff00-\uffef]+/g;

/** A username in the form for comparison: RFC 8265 UsernameCaseMapped. @param {string} name */
const nameKey = (name) =>
  name
    .replace(FULL_WIDTH, (wide) => wide.normalize('NFKC'))
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .normalize('NFC');

/**
 * Whether a mention is of a user. Punctuation at its end may belong to the sentence or to the name.
 * @param {Piece} mention @param {string} username
 */
function isMentionOf({ note = '' }, username) {
  const name = nameKey(note.slice(1));
  const key = nameKey(username);
  return name.startsWith(key) && /^[.-]*$/.test(name.slice(key.length));
}

/**
 * Whether a text mentions a user: by the whole name, not as a part of another name or of an address, and not in code.
 * @param {string} text @param {string} username
 */
export const mentionsUser = (text, username) =>
  text.includes('@') && parseText(text).some((p) => p.kind === 'mention' && isMentionOf(p, username));

/**
 * @param {string} text
 * @param {string} [me] the user's name, to highlight mentions of them
 */
export function renderText(text, me) {
  const out = document.createDocumentFragment();
  for (const piece of parseText(text)) out.append(renderPiece(piece, me));
  return out;
}

/** @param {Piece} piece @param {string} [me] @returns {Node | string} */
function renderPiece(piece, me) {
  const { kind, text, note } = piece;
  switch (kind) {
    case 'block':
      return h(
        'pre',
        { tabindex: '0', 'aria-label': note ? `Code, ${note}` : 'Code', role: 'group' },
        h('code', {}, text || ' '),
      );
    case 'code':
      return h('code', {}, text);
    case 'link':
      return linkNode(text);
    case 'mention':
      return h('span.mention', { class: me !== undefined && isMentionOf(piece, me) ? 'mine' : '' }, text);
    default:
      return text;
  }
}

/** @type {Record<string, string>} */
const OPENING = { ')': '(', ']': '[', '}': '{' };

/**
 * Removes punctuation and unbalanced brackets at the end of a URL, which belong to the sentence. Brackets are counted
 * once: counting them again for each removed one takes quadratic time, and would freeze the page for a text of only
 * brackets.
 * @param {string} address
 */
function trimLink(address) {
  /** @type {Record<string, number>} */
  const count = { '(': 0, ')': 0, '[': 0, ']': 0, '{': 0, '}': 0 };
  for (const c of address) if (c in count) count[c]++;
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1];
    if (last in OPENING) {
      if (count[last] <= count[OPENING[last]]) break;
      count[last]--;
    } else if (!'.,;:!?…*_~'.includes(last)) break;
  }
  return address.slice(0, end);
}

/** @param {string} address */
function linkNode(address) {
  const url = new URL(address);
  if (url.origin === location.origin && url.pathname === '/' && url.hash.startsWith('#/'))
    return h('a', { href: url.hash }, address);
  return h('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, address);
}

/** A message as one line, for quotes and lists. @param {import('./types').Message} m */
export function summarize(m) {
  if (m.deleted_at) return 'Message deleted';
  if (m.text)
    return clean(m.text)
      .replace(/```[^\n`]*|`/g, '')
      .replace(/\s+/g, ' ')
      .slice(0, 200);
  if (m.files.length === 1) return m.files[0].name;
  return m.files.length ? `${m.files.length} files` : '';
}
