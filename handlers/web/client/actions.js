// The actions on a message, and the toolbar that offers them.

import { call, describeError } from './api.js';
import { confirmAction } from './dialogs.js';
import { h, iconButton } from './dom.js';
import { pickEmoji } from './emoji.js';
import { cachedHistory } from './history.js';
import { openMenu } from './menu.js';
import { refreshPins } from './people.js';
import { roomHash } from './router.js';
import { notify, withCurrentName, isMe, canModerate, state } from './store.js';
import { copyToClipboard, toast } from './ui.js';

/** @typedef {import('./types').Message} Message */

/** Set by composer.js. @type {{ reply: (m: Message) => void, edit: (m: Message) => void }} */
export const composerActions = { reply: () => {}, edit: () => {} };

/** @param {import('./types').UserRef} user */
export async function showUserCard(user) {
  const { openUserDialog } = await import('./dialog-user.js');
  openUserDialog(user);
}

/** @param {Message} m @param {string} emoji @param {boolean} on */
export async function react(m, emoji, on) {
  const path = `/v1/rooms/${m.room_id}/messages/${m.id}`;
  try {
    const { data } = await call(on ? 'PUT' : 'DELETE', `${path}/reactions/${encodeURIComponent(emoji)}`);
    if (data) cachedHistory(m.room_id)?.merge(data);
    else cachedHistory(m.room_id)?.refresh(m.id);
  } catch (err) {
    toast(describeError(err), true);
  }
}

/** @param {Message} m */
export async function deleteMessage(m) {
  const whose = isMe(m.sender.id) ? 'your message' : `the message of ${withCurrentName(m.sender).display_name}`;
  if (
    !(await confirmAction(
      'Delete this message?',
      `This removes ${whose} for everybody. This cannot be undone.`,
      'Delete',
    ))
  )
    return;
  try {
    await call('DELETE', `/v1/rooms/${m.room_id}/messages/${m.id}`);
    cachedHistory(m.room_id)?.remove(m.id);
  } catch (err) {
    toast(describeError(err), true);
  }
}

/** @param {Message} m @param {boolean} on */
export async function setPinned(m, on) {
  try {
    await call(on ? 'PUT' : 'DELETE', `/v1/rooms/${m.room_id}/pins/${m.id}`);
    if (on) state.pinned.add(m.id);
    else state.pinned.delete(m.id);
    notify('timeline');
    await refreshPins(m.room_id);
  } catch (err) {
    toast(describeError(err), true);
  }
}

/** The toolbar of a message. @param {Message} m */
export function messageToolbar(m) {
  const isMember = Boolean(state.open?.membership);
  const isMine = isMe(m.sender.id);
  return h(
    'div.toolbar',
    { role: 'group', 'aria-label': `Actions for the message of ${withCurrentName(m.sender).display_name}` },
    isMember &&
      iconButton('smile', 'React', {
        'aria-haspopup': 'dialog',
        onclick: (/** @type {any} */ e) => pickEmoji(e.currentTarget, (emoji) => react(m, emoji, true)),
      }),
    isMember && iconButton('reply', 'Reply', { onclick: () => composerActions.reply(m) }),
    isMember && isMine && m.text && iconButton('edit', 'Edit', { onclick: () => composerActions.edit(m) }),
    iconButton('more', 'More', {
      'aria-haspopup': 'menu',
      onclick: (/** @type {any} */ e) => openMessageMenu(e.currentTarget, m),
    }),
  );
}

/** @param {HTMLElement} button @param {Message} m */
function openMessageMenu(button, m) {
  const isPinned = state.pinned.has(m.id);
  const canPin = canModerate(state.open);
  const canDelete = Boolean(state.open?.membership) && (isMe(m.sender.id) || canModerate(state.open));
  openMenu(button, 'Message', [
    {
      label: 'Copy link',
      icon: 'link',
      act: () => copyToClipboard(location.origin + '/' + roomHash(m.room_id, m.id), 'Link'),
    },
    ...(m.text ? [{ label: 'Copy text', icon: 'copy', act: () => copyToClipboard(m.text ?? '', 'Text') }] : []),
    ...(canPin ? [{ label: isPinned ? 'Unpin' : 'Pin', icon: 'pin', act: () => setPinned(m, !isPinned) }] : []),
    ...(canDelete ? [null, { label: 'Delete', icon: 'trash', danger: true, act: () => deleteMessage(m) }] : []),
  ]);
}
