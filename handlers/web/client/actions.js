// What can be done with a message, and the bar of buttons that goes with it.

import { call, plain } from './api.js';
import { confirmed } from './dialogs.js';
import { h, iconButton } from './dom.js';
import { pickEmoji } from './emoji.js';
import { knownHistory } from './history.js';
import { openMenu } from './menu.js';
import { refreshPins } from './people.js';
import { address } from './router.js';
import { changed, current, isMe, moderates, state } from './store.js';
import { copy, toast } from './ui.js';

/** @typedef {import('./types').Message} Message */

/** What the composer does; composer.js says. @type {{ reply: (m: Message) => void, edit: (m: Message) => void }} */
export const compose = { reply: () => {}, edit: () => {} };

/** @param {import('./types').UserRef} user */
export async function userCard(user) {
  const { userDialog } = await import('./dialog-user.js');
  userDialog(user);
}

/** @param {Message} m @param {string} emoji @param {boolean} on */
export async function react(m, emoji, on) {
  const path = `/v1/rooms/${m.room_id}/messages/${m.id}`;
  try {
    const { data } = await call(on ? 'PUT' : 'DELETE', `${path}/reactions/${encodeURIComponent(emoji)}`);
    if (data) knownHistory(m.room_id)?.merge(data);
    else knownHistory(m.room_id)?.refresh(m.id);
  } catch (err) {
    toast(plain(err), true);
  }
}

/** @param {Message} m */
export async function remove(m) {
  const whose = isMe(m.sender.id) ? 'your message' : `the message of ${current(m.sender).display_name}`;
  if (
    !(await confirmed(
      'Delete this message?',
      `This removes ${whose} for everybody. It cannot be brought back.`,
      'Delete',
    ))
  )
    return;
  try {
    await call('DELETE', `/v1/rooms/${m.room_id}/messages/${m.id}`);
    knownHistory(m.room_id)?.remove(m.id);
  } catch (err) {
    toast(plain(err), true);
  }
}

/** @param {Message} m @param {boolean} on */
export async function pin(m, on) {
  try {
    await call(on ? 'PUT' : 'DELETE', `/v1/rooms/${m.room_id}/pins/${m.id}`);
    if (on) state.pinned.add(m.id);
    else state.pinned.delete(m.id);
    changed('timeline');
    await refreshPins(m.room_id);
  } catch (err) {
    toast(plain(err), true);
  }
}

/** The buttons for a message. @param {Message} m */
export function toolbar(m) {
  const member = Boolean(state.open?.membership);
  const mine = isMe(m.sender.id);
  return h(
    'div.toolbar',
    { role: 'group', 'aria-label': `What to do with the message of ${current(m.sender).display_name}` },
    member &&
      iconButton('smile', 'React', {
        'aria-haspopup': 'dialog',
        onclick: (/** @type {any} */ e) => pickEmoji(e.currentTarget, (emoji) => react(m, emoji, true)),
      }),
    member && iconButton('reply', 'Reply', { onclick: () => compose.reply(m) }),
    member && mine && m.text && iconButton('edit', 'Edit', { onclick: () => compose.edit(m) }),
    iconButton('more', 'More', {
      'aria-haspopup': 'menu',
      onclick: (/** @type {any} */ e) => more(e.currentTarget, m),
    }),
  );
}

/** @param {HTMLElement} button @param {Message} m */
function more(button, m) {
  const pinned = state.pinned.has(m.id);
  const mayPin = moderates(state.open);
  const mayDelete = Boolean(state.open?.membership) && (isMe(m.sender.id) || moderates(state.open));
  openMenu(button, 'Message', [
    { label: 'Copy link', icon: 'link', act: () => copy(location.origin + '/' + address(m.room_id, m.id), 'Link') },
    ...(m.text ? [{ label: 'Copy text', icon: 'copy', act: () => copy(m.text ?? '', 'Text') }] : []),
    ...(mayPin ? [{ label: pinned ? 'Unpin' : 'Pin', icon: 'pin', act: () => pin(m, !pinned) }] : []),
    ...(mayDelete ? [null, { label: 'Delete', icon: 'trash', danger: true, act: () => remove(m) }] : []),
  ]);
}
