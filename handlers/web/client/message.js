// One message in the timeline: what it shows. What can be done with it is in actions.js.

import { plain } from './api.js';
import { react, userCard } from './actions.js';
import { h, icon, iconButton } from './dom.js';
import { pickEmoji } from './emoji.js';
import { briefTime, exactTime, size, timeOf } from './format.js';
import { download, isPicture, isPlayable, showWhenNear } from './media.js';
import { again, discard } from './outbox.js';
import { address } from './router.js';
import { current, isMe, moderates, state } from './store.js';
import { isEmoji, mentions, renderText, summary } from './text.js';
import { avatar, nameOf, toast } from './ui.js';
import { cancel, retry } from './uploads.js';

/** @typedef {import('./types').Message} Message */
/** @typedef {import('./types').Unsent} Unsent */
/** @typedef {import('./types').FileInfo} FileInfo */

const LONG = 1400; // characters, beyond which a message is folded
const LONG_LINES = 22;
const LARGEST = 320; // pixels of a picture, the size of the server's thumbnails
/** @param {FileInfo[]} all @param {FileInfo} first */
const openLightbox = async (all, first) => (await import('./lightbox.js')).openLightbox(all, first);
/** Messages that the reader has unfolded, or wants to see though they blocked the sender. @type {Set<string>} */
const opened = new Set();

/** Everything that a message's row depends on. @param {Message} m @param {boolean} grouped @param {Message | null | undefined} quoted */
export const signatureOf = (m, grouped, quoted) =>
  JSON.stringify([
    grouped,
    current(m.sender).display_name,
    m.edited_at,
    m.deleted_at,
    m.reactions,
    m.files.length,
    state.pinned.has(m.id),
    hidden(m),
    opened.has(keyOf(m)),
    m.reply_to && (quoted ? [current(quoted.sender).display_name, quoted.edited_at, quoted.deleted_at] : quoted),
    state.open?.membership?.role ?? '',
  ]);

/** @param {Message} m */
const keyOf = (m) => `${m.room_id}/${m.id}`;

/** @param {Message} m */
const hidden = (m) => state.blocked.has(m.sender.id) && !opened.has(keyOf(m));

/**
 * @param {Message} m @param {boolean} grouped whether it goes with the one above
 * @param {Message | null | undefined} quoted what it answers @param {() => void} again draws the timeline once more
 */
export function messageRow(m, grouped, quoted, again) {
  const unfold = () => {
    opened.add(keyOf(m));
    again();
  };
  const body = h('div.message-body', {});
  if (m.reply_to) body.append(quote(m, quoted));
  if (!grouped) {
    body.append(
      h(
        'div.message-head',
        {},
        h('button.name', { type: 'button', onclick: () => userCard(m.sender) }, nameOf(m.sender)),
        h('time', { datetime: m.created_at, title: exactTime(m.created_at) }, timeOf(m.created_at)),
        state.pinned.has(m.id) && h('span.tag', {}, icon('pin', 12), 'Pinned'),
      ),
    );
  } else if (state.pinned.has(m.id)) body.append(h('span.tag', {}, icon('pin', 12), 'Pinned'));
  if (m.deleted_at) body.append(h('p.gone', {}, 'Message deleted'));
  else if (hidden(m))
    body.append(
      h(
        'p.gone',
        {},
        'A message from somebody you blocked. ',
        h('button.link', { type: 'button', onclick: unfold }, 'Show it'),
      ),
    );
  else content(body, m, unfold);
  return h(
    'li.message',
    {
      class: [grouped && 'grouped', isMe(m.sender.id) && 'mine', mentionsMe(m) && 'to-me'].filter(Boolean).join(' '),
      tabindex: '-1',
      dataset: { id: m.id, key: `m${m.id}` },
    },
    gutter(m, grouped),
    body,
  );
}

/** @param {Message} m */
const mentionsMe = (m) =>
  Boolean(state.me && m.text && !m.deleted_at && !hidden(m) && mentions(m.text, state.me.username));

/** @param {Message} m @param {boolean} grouped */
const gutter = (m, grouped) =>
  grouped
    ? h(
        'time.gutter',
        { datetime: m.created_at, title: exactTime(m.created_at), 'aria-hidden': 'true' },
        briefTime(m.created_at),
      )
    : h(
        'button.gutter',
        { type: 'button', tabindex: '-1', 'aria-hidden': 'true', onclick: () => userCard(m.sender) },
        avatar(m.sender, 'm'),
      );

/** @param {HTMLElement} body @param {Message} m @param {() => void} unfold */
function content(body, m, unfold) {
  if (m.text) {
    const long = !opened.has(keyOf(m)) && (m.text.length > LONG || m.text.split('\n').length > LONG_LINES);
    const big = m.type === 'sticker' || isEmoji(m.text);
    body.append(
      h(
        'div.text',
        { dir: 'auto', class: [long && 'folded', big && 'big'].filter(Boolean).join(' ') },
        renderText(m.text, state.me?.username),
        m.edited_at && h('span.edited', { title: exactTime(m.edited_at) }, ' (edited)'),
      ),
    );
    if (long) body.append(h('button.link', { type: 'button', onclick: unfold }, 'Show all of it'));
  }
  if (m.files.length) body.append(files(m.files));
  // Where there is no text to tap on, fingers need something else that is not a picture or a button.
  if (!m.text) body.append(iconButton('more', 'What can be done with this message', { class: 'message-actions' }));
  if (m.reactions.length) body.append(reactions(m));
}

/** @param {Message} m @param {Message | null | undefined} quoted */
function quote(m, quoted) {
  const inside = quoted
    ? [
        avatar(quoted.sender, 's'),
        h('strong', {}, nameOf(quoted.sender)),
        h(
          'bdi.quote-text',
          {},
          state.blocked.has(quoted.sender.id) ? 'A message from somebody you blocked' : summary(quoted),
        ),
      ]
    : [h('span.quote-text', {}, quoted === null ? 'The message is not there any more' : 'Loading…')];
  return h(
    'a.quote',
    { href: address(m.room_id, m.reply_to) },
    icon('reply', 14),
    h('span.visually-hidden', {}, 'Answers'),
    inside,
  );
}

/** @param {FileInfo[]} all */
function files(all) {
  const pictures = all.filter(isPicture);
  const others = all.filter((f) => !isPicture(f));
  const played = all.filter((f) => isPicture(f) || isPlayable(f));
  return h(
    'div.files',
    {},
    pictures.length > 0 &&
      h(
        'div.pictures',
        { class: pictures.length > 1 ? 'many' : '' },
        pictures.map((f) => picture(f, () => openLightbox(played, f))),
      ),
    others.map((f) =>
      h(
        'div.file',
        {},
        h('span.file-icon', {}, icon(isPlayable(f) ? 'play' : 'file', 22)),
        h('div.file-words', {}, h('bdi.file-name', {}, f.name), h('span', {}, `${size(f.size)}`)),
        isPlayable(f) && iconButton('play', `Play ${f.name}`, { onclick: () => openLightbox(played, f) }),
        iconButton('download', `Download ${f.name}`, {
          onclick: () => download(f).catch((err) => toast(plain(err), true)),
        }),
      ),
    ),
  );
}

/** @param {FileInfo} f @param {() => void} open */
function picture(f, open) {
  const width = f.width ?? 1;
  const height = f.height ?? 1;
  const scale = Math.min(1, LARGEST / Math.max(width, height));
  const img = h('img', { alt: '', width: Math.round(width * scale), height: Math.round(height * scale) });
  if (f.thumbnail_url) showWhenNear(img, f.thumbnail_url);
  return h(
    'button.picture',
    {
      type: 'button',
      'aria-label': `Picture ${f.name}`,
      onclick: open,
      vars: { w: Math.max(48, Math.round(width * scale)), ratio: `${width} / ${height}` },
    },
    f.thumbnail_url ? img : h('span.no-preview', {}, icon('image', 28), f.name),
  );
}

/** @param {Message} m */
function reactions(m) {
  const may = Boolean(state.open?.membership);
  return h(
    'div.reactions',
    {},
    m.reactions.map((r) =>
      h(
        'button.reaction',
        {
          type: 'button',
          disabled: !may,
          'aria-pressed': String(Boolean(r.me)),
          'aria-label': `${r.emoji}, ${r.count}${r.me ? ', yours' : ''}`,
          onclick: () => react(m, r.emoji, !r.me),
        },
        h('span', {}, r.emoji),
        h('span', {}, r.count),
      ),
    ),
    may &&
      iconButton('smile', 'Add a reaction', {
        class: 'reaction-add',
        onclick: (/** @type {any} */ e) => pickEmoji(e.currentTarget, (emoji) => react(m, emoji, true)),
      }),
  );
}

/** Everything that a pending row depends on, but for the progress. @param {Unsent} u @param {boolean} grouped */
export const unsentSignature = (u, grouped) =>
  JSON.stringify([
    grouped,
    state.me?.display_name,
    u.state,
    u.error,
    u.uploads.map((f) => [f.state, Math.round((20 * f.sent) / f.file.size)]),
  ]);

/** @param {Unsent} u @param {boolean} grouped */
export function unsentRow(u, grouped) {
  const me = /** @type {import('./types').User} */ (state.me);
  const waits = u.uploads.some((f) => f.state !== 'done');
  const body = h(
    'div.message-body',
    {},
    !grouped && h('div.message-head', {}, h('span.name', {}, nameOf(me)), h('time', { datetime: u.at }, timeOf(u.at))),
    u.text && h('div.text', { dir: 'auto', class: isEmoji(u.text) ? 'big' : '' }, renderText(u.text, me.username)),
    u.uploads.map((f) =>
      h(
        'div.file',
        {},
        h('span.file-icon', {}, f.preview ? h('img', { src: f.preview, alt: '' }) : icon('file', 22)),
        h(
          'div.file-words',
          {},
          h('bdi.file-name', {}, f.file.name),
          f.state === 'failed'
            ? h('span.wrong-word', {}, f.error)
            : h('progress', { max: f.file.size, value: f.sent, 'aria-label': `Sending ${f.file.name}` }),
        ),
        f.state === 'failed' && h('button.plain.small', { type: 'button', onclick: () => retry(f) }, 'Try again'),
      ),
    ),
    u.state === 'failed'
      ? h(
          'p.unsent',
          { role: 'alert' },
          icon('alert', 16),
          `Not sent. ${u.error ?? ''}`,
          h('button.link', { type: 'button', onclick: () => again(u.client_id) }, 'Send again'),
          h('button.link', { type: 'button', onclick: () => discard(u.client_id) }, 'Delete'),
        )
      : waits
        ? h(
            'button.link.unsent-stop',
            {
              type: 'button',
              onclick: () => {
                u.uploads.forEach(cancel);
                discard(u.client_id);
              },
            },
            'Cancel',
          )
        : h('span.visually-hidden', {}, 'Sending'),
  );
  return h(
    'li.message.mine',
    {
      class: [grouped && 'grouped', u.state].filter(Boolean).join(' '),
      tabindex: '-1',
      dataset: { key: `u${u.client_id}` },
    },
    grouped ? h('span.gutter', {}) : h('span.gutter', {}, avatar(me, 'm')),
    body,
  );
}

/** Whether the user may delete a message. @param {Message} m */
export const mayDelete = (m) => isMe(m.sender.id) || moderates(state.open);
