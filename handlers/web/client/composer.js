// The composer: the text of a message, the message that it replies to or edits, and the attached files.

import { call, describeError } from './api.js';
import { composerActions, deleteMessage } from './actions.js';
import { debounce, fill, h, icon, iconButton } from './dom.js';
import { getDraft, saveDraft } from './drafts.js';
import { pickEmoji } from './emoji.js';
import { joinNames, formatSize } from './format.js';
import { getHistory } from './history.js';
import { isComposingKey } from './keys.js';
import { sendMessage } from './outbox.js';
import { withCurrentName, isMe, roomTitle, state, watch } from './store.js';
import { summarize } from './text.js';
import { nameElement, toast } from './ui.js';
import { beginUpload, cancelUpload, previewOf } from './uploads.js';

/** @typedef {import('./types').Message} Message */
/** @typedef {import('./types').Upload} Upload */

const MAX_LENGTH = 8000;
const MAX_FILES = 10;
const TYPING_INTERVAL = 3000;
const coarse = matchMedia('(pointer: coarse)');
const narrow = matchMedia('(max-width: 640px)'); // no space for the whole placeholder

export class Composer {
  #draft;
  /** Files that were pasted together with text. @type {File[]} */ #offeredFiles = [];
  /** The current content of the tray. @type {any[]} */ #shown = [];
  /** @type {WeakMap<Upload, { el: HTMLElement, update: () => void }>} */ #chips = new WeakMap();
  #typedAt = 0;
  #banner = h('div.composer-banner', { hidden: true });
  #tray = h('div.tray', { hidden: true });
  #typing = h('p.typing', {});
  #count = h('span.count', { hidden: true, role: 'status' });
  #input;
  #send;
  #picker = h('input', { type: 'file', multiple: true, hidden: true, 'aria-hidden': 'true', tabindex: '-1' });
  el;

  /** @param {import('./types').Room} room @param {() => void} wrote @param {AbortSignal} signal */
  constructor(room, wrote, signal) {
    this.room = room;
    this.wrote = wrote;
    this.#draft = getDraft(room.id);
    this.#input = h('textarea', {
      rows: 1,
      dir: 'auto',
      autocomplete: 'off',
      enterkeyhint: coarse.matches ? 'enter' : 'send',
    });
    this.#input.addEventListener('input', () => this.#onInput());
    this.#input.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => this.#onKeydown(e));
    this.#input.addEventListener('paste', (/** @type {ClipboardEvent} */ e) => this.#onPaste(e));
    this.#picker.addEventListener('change', () => {
      if (this.#picker.files) this.attach(this.#picker.files);
      this.#picker.value = '';
    });
    // A press on the button keeps the focus in the text, so that a phone's keyboard stays open.
    this.#send = iconButton('send', 'Send', {
      type: 'submit',
      class: 'send',
      onmousedown: (/** @type {Event} */ e) => e.preventDefault(),
    });
    const form = h(
      'form.composer-box',
      {
        onsubmit: (/** @type {Event} */ e) => {
          e.preventDefault();
          this.#submit();
        },
      },
      this.#banner,
      this.#tray,
      h(
        'div.composer-row',
        {},
        iconButton('attach', 'Attach files', { onclick: () => this.#picker.click() }),
        this.#picker,
        this.#input,
        this.#count,
        iconButton('smile', 'Insert an emoji', {
          'aria-haspopup': 'dialog',
          onclick: (/** @type {any} */ e) => pickEmoji(e.currentTarget, (emoji) => this.#insert(emoji), 'above'),
        }),
        this.#send,
      ),
    );
    this.el = h('footer.composer', {}, form, this.#typing);
    composerActions.reply = (m) => this.#startReply(m);
    composerActions.edit = (m) => this.#startEdit(m);
    watch(['typing'], () => this.#showTyping(), signal);
    watch(['unsent'], () => this.#showTray(), signal);
    watch(['rooms'], () => this.#relabel(), signal);
    this.#relabel();
    this.#input.value = this.#draft.text;
    this.#render();
    requestAnimationFrame(() => this.#autosize());
  }

  focus() {
    if (!coarse.matches) this.#input.focus({ preventScroll: true });
  }

  #relabel() {
    const room = state.rooms.get(this.room.id) ?? this.room;
    const label = room.kind === 'direct' ? `Message to ${roomTitle(room)}` : `Message in ${roomTitle(room)}`;
    this.#input.setAttribute('placeholder', narrow.matches ? 'Message' : label);
    this.#input.setAttribute('aria-label', label);
  }

  /** @param {FileList | File[]} files */
  attach(files) {
    for (const file of files) {
      if (this.#draft.uploads.length >= MAX_FILES) {
        toast(`A message has at most ${MAX_FILES} files.`, true);
        break;
      }
      if (file.size === 0) toast(`${file.name} is empty and cannot be sent.`, true);
      else this.#draft.uploads.push(beginUpload(file, this.room.id));
    }
    this.#render();
    this.focus();
  }

  /**
   * Spreadsheets and word processors add a picture of the copied text: the text is pasted, and the picture is offered.
   * File managers add the names of the copied files: the files are attached.
   * @param {ClipboardEvent} e
   */
  #onPaste(e) {
    const files = [...(e.clipboardData?.files ?? [])];
    if (!files.length) return;
    const lines = (e.clipboardData?.getData('text/plain') ?? '').split(/\r?\n/).filter((line) => line.trim());
    if (lines.every((line) => files.some(({ name }) => line.endsWith(name)))) {
      e.preventDefault();
      this.attach(files);
      return;
    }
    this.#offeredFiles = files;
    this.#render();
  }

  #saveDraft() {
    saveDraft(this.room.id, this.#draft);
  }

  #onInput() {
    this.#draft.text = this.#input.value;
    this.#saveDraft();
    this.#autosize();
    this.#showSend();
    if (this.#draft.edit || !this.#input.value.trim() || Date.now() - this.#typedAt < TYPING_INTERVAL) return;
    this.#typedAt = Date.now();
    if (state.connection === 'open') call('POST', `/v1/rooms/${this.room.id}/typing`).catch(() => {});
  }

  #autosize() {
    this.#input.style.setProperty('height', 'auto');
    this.#input.style.setProperty('height', `${this.#input.scrollHeight}px`);
  }

  /** @param {KeyboardEvent} e */
  #onKeydown(e) {
    if (isComposingKey(e)) return;
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey || (!e.shiftKey && !coarse.matches))) {
      e.preventDefault();
      this.#submit();
    } else if (e.key === 'ArrowUp' && !this.#input.value && !this.#draft.edit) {
      const { list } = getHistory(this.room.id);
      const last = list.findLast((m) => isMe(m.sender.id) && !m.deleted_at && m.text);
      if (last) {
        e.preventDefault();
        this.#startEdit(last);
      }
    } else if (e.key === 'Escape' && (this.#draft.edit || this.#draft.reply)) {
      e.stopPropagation();
      this.#cancelEditOrReply();
    }
  }

  /** @param {string} text */
  #insert(text) {
    const { selectionStart, selectionEnd } = this.#input;
    this.#input.setRangeText(text, selectionStart, selectionEnd, 'end');
    this.#onInput();
    this.#input.focus();
  }

  /** @param {Message} m */
  #startReply(m) {
    if (this.#draft.edit) this.#cancelEditOrReply();
    this.#draft.reply = m;
    this.#saveDraft();
    this.#render();
    this.#input.focus();
  }

  /** @param {Message} m */
  #startEdit(m) {
    if (!this.#draft.edit) this.#draft.before = this.#draft.text;
    this.#draft.reply = null;
    this.#draft.edit = m;
    this.#setText(m.text ?? '');
    this.#input.focus();
    this.#input.setSelectionRange(this.#input.value.length, this.#input.value.length);
  }

  /** Cancels the edit or the reply. */
  #cancelEditOrReply() {
    const text = this.#draft.edit ? this.#draft.before : this.#draft.text;
    Object.assign(this.#draft, { edit: null, reply: null, before: '' });
    this.#setText(text);
    this.#input.focus();
  }

  /** @param {string} text */
  #setText(text) {
    this.#draft.text = text;
    this.#saveDraft();
    this.#input.value = text;
    this.#autosize();
    this.#render();
  }

  #submit() {
    const text = this.#input.value.trim();
    const { edit, reply, uploads } = this.#draft;
    if ([...text].length > MAX_LENGTH) return;
    if (edit) {
      void this.#saveEdit(edit, text);
      return;
    }
    const sendable = uploads.filter((u) => u.state !== 'failed');
    if (!text && !sendable.length) return;
    this.#draft.uploads = [];
    this.#draft.reply = null;
    this.#offeredFiles = [];
    const hadFocus = this.el.contains(document.activeElement);
    this.#setText('');
    if (hadFocus)
      this.#input.focus({ preventScroll: true }); // the send button had it, and is disabled now
    else this.focus();
    this.#typedAt = 0;
    sendMessage(this.room.id, { text, reply_to: reply?.id, files: sendable });
    this.wrote();
  }

  /** @param {Message} m @param {string} text */
  async #saveEdit(m, text) {
    if (!text) {
      this.#cancelEditOrReply();
      void deleteMessage(m);
      return;
    }
    if (text === m.text) {
      this.#cancelEditOrReply();
      return;
    }
    this.#send.setAttribute('aria-busy', 'true');
    try {
      const { data } = await call('PATCH', `/v1/rooms/${m.room_id}/messages/${m.id}`, { body: { text } });
      getHistory(m.room_id).merge(data);
      if (this.#draft.edit === m) this.#cancelEditOrReply();
    } catch (err) {
      toast(describeError(err), true);
    } finally {
      this.#send.removeAttribute('aria-busy');
    }
  }

  #render() {
    const { edit, reply } = this.#draft;
    this.#banner.hidden = !edit && !reply;
    if (edit)
      fill(
        this.#banner,
        icon('edit', 16),
        h('span', {}, h('strong', {}, 'Editing your message')),
        iconButton('close', 'Stop editing', { onclick: () => this.#cancelEditOrReply() }),
      );
    else if (reply) {
      fill(
        this.#banner,
        icon('reply', 16),
        h('span', {}, 'Replying to ', h('strong', {}, nameElement(reply.sender)), ' ', h('bdi', {}, summarize(reply))),
        iconButton('close', 'Cancel the reply', { onclick: () => this.#cancelEditOrReply() }),
      );
    }
    this.#showTray();
    this.#showSend();
  }

  #showSend() {
    const length = [...this.#input.value.trim()].length;
    const left = MAX_LENGTH - length;
    this.#count.hidden = left > 500;
    this.#count.textContent = left < 0 ? `${-left} too many` : `${left} left`;
    this.#count.classList.toggle('over', left < 0);
    this.#send.disabled =
      left < 0 || (!length && (Boolean(this.#draft.edit) || !this.#draft.uploads.some((u) => u.state !== 'failed')));
  }

  #showTray() {
    const { uploads, edit } = this.#draft;
    for (const u of uploads) this.#chips.get(u)?.update();
    const mustWait = Boolean(edit) && uploads.length > 0;
    const shown = [mustWait, ...uploads, ...this.#offeredFiles];
    this.#showSend();
    if (shown.length === this.#shown.length && shown.every((it, at) => it === this.#shown[at])) return;
    this.#shown = shown;
    this.#tray.hidden = uploads.length + this.#offeredFiles.length === 0;
    const focused = this.#tray.contains(document.activeElement) ? document.activeElement : null;
    for (const u of uploads) if (!this.#chips.has(u)) this.#chips.set(u, this.#makeChip(u));
    fill(
      this.#tray,
      mustWait && h('p.tray-note', { role: 'status' }, 'An edit takes no files. These go with your next message.'),
      uploads.map((u) => this.#chips.get(u)?.el),
      this.#offeredFiles.length > 0 && this.#renderOffer(),
    );
    if (!focused) return; // else keep the focus, or move it to the text
    if (focused.isConnected) /** @type {HTMLElement} */ (focused).focus();
    else this.focus();
  }

  /** Offers to attach the picture that was pasted together with text. */
  #renderOffer() {
    const done = () => {
      this.#offeredFiles = [];
      this.#render();
    };
    return h(
      'p.tray-note',
      { role: 'status' },
      'The clipboard also had a picture.',
      h(
        'button.link',
        {
          type: 'button',
          'aria-label': 'Attach the picture',
          onclick: () => {
            this.attach(this.#offeredFiles);
            done();
          },
        },
        'Attach it',
      ),
      iconButton('close', 'Leave the picture out', { onclick: done }),
    );
  }

  /**
   * The element of a file. It is created once and then updated in place: a button that is replaced while it is pressed
   * gets no click event.
   * @param {Upload} u
   */
  #makeChip(u) {
    const preview = previewOf(u);
    const picture = h('span.file-icon', {}, preview ? h('img', { src: preview, alt: '' }) : icon('file', 20));
    const words = h('div.file-words');
    const retryButton = iconButton('retry', `Try ${u.name} again`, { onclick: () => u.retry() });
    const el = h(
      'div.chip',
      {},
      picture,
      words,
      retryButton,
      iconButton('close', `Remove ${u.name}`, {
        onclick: () => {
          cancelUpload(u);
          this.#draft.uploads = this.#draft.uploads.filter((other) => other !== u);
          this.#render();
        },
      }),
    );
    const update = () => {
      el.className = `chip ${u.state}`;
      retryButton.hidden = u.state !== 'failed';
      fill(
        words,
        h('bdi.file-name', {}, u.name),
        u.state === 'failed'
          ? h('span.wrong-word', {}, describeError(u.error))
          : u.state === 'done'
            ? h('span', {}, formatSize(u.size))
            : h('progress', { max: u.size, value: u.sent, 'aria-label': `Uploading ${u.name}` }),
      );
    };
    update();
    return { el, update };
  }

  #showTyping = debounce(20, () => {
    const names = [...state.typing.values()].map((t) => withCurrentName(t.user).display_name);
    const subject =
      names.length > 3
        ? 'Several people are'
        : names.length
          ? `${joinNames(names)} ${names.length > 1 ? 'are' : 'is'}`
          : '';
    fill(
      this.#typing,
      subject && h('span.dots', { 'aria-hidden': 'true' }, h('i'), h('i'), h('i')),
      subject && h('bdi', {}, `${subject} typing`),
    );
  });
}
