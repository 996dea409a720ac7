// The row of a message in the timeline. The actions on a message are in actions.js.

import { describeError } from './api.js';
import { react, showUserCard } from './actions.js';
import { h, icon, iconButton } from './dom.js';
import { pickEmoji } from './emoji.js';
import { formatBriefTime, formatExactTime, formatSize, formatTime } from './format.js';
import { download, isPicture, isPlayable, showThumbnailWhenNear } from './media.js';
import { roomHash } from './router.js';
import { isMe, state, withCurrentName } from './store.js';
import { isEmojiOnly, mentionsUser, renderText, summarize } from './text.js';
import { avatar, nameElement, toast } from './ui.js';
import { previewOf } from './uploads.js';

/** @typedef {import('./types').Message} Message */
/** @typedef {import('./types').Unsent} Unsent */
/** @typedef {import('./types').FileInfo} FileInfo */

const FOLD_CHARACTERS = 1400; // longer messages are folded
const FOLD_LINES = 22;
const THUMBNAIL_SIZE = 320; // pixels, as the server makes thumbnails
/** @param {FileInfo[]} all @param {FileInfo} first */
const openLightbox = async (all, first) => (await import('./lightbox.js')).openLightbox(all, first);
/** Messages that the user has unfolded, or has revealed though the sender is blocked. @type {Set<string>} */
const expanded = new Set();

/**
 * Everything that the row of a message depends on.
 * @param {Message} m @param {boolean} grouped @param {Message | null | undefined} quoted
 */
export const messageSignature = (m, grouped, quoted) =>
  JSON.stringify([
    grouped,
    withCurrentName(m.sender).display_name,
    m.edited_at,
    m.deleted_at,
    m.reactions,
    m.files.length,
    state.pinned.has(m.id),
    isHidden(m),
    expanded.has(messageKey(m)),
    m.reply_to &&
      (quoted ? [withCurrentName(quoted.sender).display_name, quoted.edited_at, quoted.deleted_at] : quoted),
    state.open?.membership?.role ?? '',
  ]);

/** @param {Message} m */
const messageKey = (m) => `${m.room_id}/${m.id}`;

/** @param {Message} m */
const isHidden = (m) => state.blocked.has(m.sender.id) && !expanded.has(messageKey(m));

/**
 * @param {Message} m @param {boolean} grouped whether it is grouped with the message above
 * @param {Message | null | undefined} quoted the message that it replies to
 * @param {() => void} redraw renders the timeline again
 */
export function messageRow(m, grouped, quoted, redraw) {
  const expand = () => {
    expanded.add(messageKey(m));
    redraw();
  };
  const body = h('div.message-body', {});
  if (m.reply_to) body.append(quoteLink(m, quoted));
  if (!grouped) {
    body.append(
      h(
        'div.message-head',
        {},
        h('button.name', { type: 'button', onclick: () => showUserCard(m.sender) }, nameElement(m.sender)),
        h('time', { datetime: m.created_at, title: formatExactTime(m.created_at) }, formatTime(m.created_at)),
        state.pinned.has(m.id) && h('span.tag', {}, icon('pin', 12), 'Pinned'),
      ),
    );
  } else if (state.pinned.has(m.id)) body.append(h('span.tag', {}, icon('pin', 12), 'Pinned'));
  if (m.deleted_at) body.append(h('p.gone', {}, 'Message deleted'));
  else if (isHidden(m))
    body.append(
      h(
        'p.gone',
        {},
        'A message from a user you blocked. ',
        h('button.link', { type: 'button', onclick: expand }, 'Show'),
      ),
    );
  else appendContent(body, m, expand);
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
  Boolean(state.me && m.text && !m.deleted_at && !isHidden(m) && mentionsUser(m.text, state.me.username));

/** @param {Message} m @param {boolean} grouped */
const gutter = (m, grouped) =>
  grouped
    ? h(
        'time.gutter',
        { datetime: m.created_at, title: formatExactTime(m.created_at), 'aria-hidden': 'true' },
        formatBriefTime(m.created_at),
      )
    : h(
        'button.gutter',
        { type: 'button', tabindex: '-1', 'aria-hidden': 'true', onclick: () => showUserCard(m.sender) },
        avatar(m.sender, 'm'),
      );

/** @param {HTMLElement} body @param {Message} m @param {() => void} expand */
function appendContent(body, m, expand) {
  if (m.text) {
    const isLong =
      !expanded.has(messageKey(m)) && (m.text.length > FOLD_CHARACTERS || m.text.split('\n').length > FOLD_LINES);
    const isBig = m.type === 'sticker' || isEmojiOnly(m.text);
    body.append(
      h(
        'div.text',
        { dir: 'auto', class: [isLong && 'folded', isBig && 'big'].filter(Boolean).join(' ') },
        renderText(m.text, state.me?.username),
        m.edited_at && h('span.edited', { title: formatExactTime(m.edited_at) }, ' (edited)'),
      ),
    );
    if (isLong) body.append(h('button.link', { type: 'button', onclick: expand }, 'Show more'));
  }
  if (m.files.length) body.append(fileList(m.files));
  // Without text there is nothing to tap on that is not a picture or a button.
  if (!m.text) body.append(iconButton('more', 'Message actions', { class: 'message-actions' }));
  if (m.reactions.length) body.append(reactionBar(m));
}

/** @param {Message} m @param {Message | null | undefined} quoted */
function quoteLink(m, quoted) {
  const inside = quoted
    ? [
        avatar(quoted.sender, 's'),
        h('strong', {}, nameElement(quoted.sender)),
        h(
          'bdi.quote-text',
          {},
          state.blocked.has(quoted.sender.id) ? 'A message from a user you blocked' : summarize(quoted),
        ),
      ]
    : [h('span.quote-text', {}, quoted === null ? 'This message does not exist any more' : 'Loading…')];
  return h(
    'a.quote',
    { href: roomHash(m.room_id, m.reply_to) },
    icon('reply', 14),
    h('span.visually-hidden', {}, 'Reply to'),
    inside,
  );
}

/** @param {FileInfo[]} all */
function fileList(all) {
  const pictures = all.filter(isPicture);
  const others = all.filter((f) => !isPicture(f));
  const playable = all.filter((f) => isPicture(f) || isPlayable(f));
  return h(
    'div.files',
    {},
    pictures.length > 0 &&
      h(
        'div.pictures',
        { class: pictures.length > 1 ? 'many' : '' },
        pictures.map((f) => pictureButton(f, () => openLightbox(playable, f))),
      ),
    others.map((f) =>
      h(
        'div.file',
        {},
        h('span.file-icon', {}, icon(isPlayable(f) ? 'play' : 'file', 22)),
        h('div.file-words', {}, h('bdi.file-name', {}, f.name), h('span', {}, `${formatSize(f.size)}`)),
        isPlayable(f) && iconButton('play', `Play ${f.name}`, { onclick: () => openLightbox(playable, f) }),
        iconButton('download', `Download ${f.name}`, {
          onclick: () => download(f).catch((err) => toast(describeError(err), true)),
        }),
      ),
    ),
  );
}

/** @param {FileInfo} f @param {() => void} open */
function pictureButton(f, open) {
  const width = f.width ?? 1;
  const height = f.height ?? 1;
  const scale = Math.min(1, THUMBNAIL_SIZE / Math.max(width, height));
  const img = h('img', { alt: '', width: Math.round(width * scale), height: Math.round(height * scale) });
  if (f.thumbnail_url) showThumbnailWhenNear(img, f.thumbnail_url);
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
function reactionBar(m) {
  const canReact = Boolean(state.open?.membership);
  return h(
    'div.reactions',
    {},
    m.reactions.map((r) =>
      h(
        'button.reaction',
        {
          type: 'button',
          disabled: !canReact,
          'aria-pressed': String(Boolean(r.me)),
          'aria-label': `${r.emoji}, ${r.count}${r.me ? ', yours' : ''}`,
          onclick: () => react(m, r.emoji, !r.me),
        },
        h('span', {}, r.emoji),
        h('span', {}, r.count),
      ),
    ),
    canReact &&
      iconButton('smile', 'Add a reaction', {
        class: 'reaction-add',
        onclick: (/** @type {any} */ e) => pickEmoji(e.currentTarget, (emoji) => react(m, emoji, true)),
      }),
  );
}

/**
 * Everything that the row of an unsent message depends on; the progress of uploads in steps of 5 %.
 * @param {Unsent} u @param {boolean} grouped
 */
export const unsentSignature = (u, grouped) =>
  JSON.stringify([
    grouped,
    state.me?.display_name,
    u.state,
    u.error?.message,
    u.files.map((f) => [f.state, Math.round((20 * f.sent) / f.size)]),
  ]);

/** @param {Unsent} u @param {boolean} grouped */
export function unsentRow(u, grouped) {
  const me = /** @type {import('./types').User} */ (state.me);
  const isUploading = !u.isUploaded;
  const body = h(
    'div.message-body',
    {},
    !grouped &&
      h(
        'div.message-head',
        {},
        h('span.name', {}, nameElement(me)),
        h('time', { datetime: u.created_at }, formatTime(u.created_at)),
      ),
    u.text && h('div.text', { dir: 'auto', class: isEmojiOnly(u.text) ? 'big' : '' }, renderText(u.text, me.username)),
    u.files.map((f) =>
      h(
        'div.file',
        {},
        h('span.file-icon', {}, previewOf(f) ? h('img', { src: previewOf(f), alt: '' }) : icon('file', 22)),
        h(
          'div.file-words',
          {},
          h('bdi.file-name', {}, f.name),
          f.state === 'failed'
            ? h('span.wrong-word', {}, describeError(f.error))
            : h('progress', { max: f.size, value: f.sent, 'aria-label': `Sending ${f.name}` }),
        ),
        f.state === 'failed' && h('button.plain.small', { type: 'button', onclick: () => u.retry() }, 'Try again'),
      ),
    ),
    u.state === 'failed' && !isUploading
      ? h(
          'p.unsent',
          { role: 'alert' },
          icon('alert', 16),
          `Not sent. ${describeError(u.error)}`,
          h('button.link', { type: 'button', onclick: () => u.retry() }, 'Send again'),
          h('button.link', { type: 'button', onclick: () => u.discard() }, 'Delete'),
        )
      : isUploading
        ? h('button.link.unsent-stop', { type: 'button', onclick: () => u.discard() }, 'Cancel')
        : h('span.visually-hidden', {}, 'Sending'),
  );
  return h(
    'li.message.mine',
    {
      class: [grouped && 'grouped', u.state === 'failed' && !isUploading ? 'failed' : 'pending']
        .filter(Boolean)
        .join(' '),
      tabindex: '-1',
      dataset: { key: `u${u.client_id}` },
    },
    grouped ? h('span.gutter', {}) : h('span.gutter', {}, avatar(me, 'm')),
    body,
  );
}
