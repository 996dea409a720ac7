// What an element shows, from the connection to the messages: a form for guests, a notice, or a room.

import { Problem, Unreachable } from '../sdk.js';
import { Composer } from './composer.js';
import { Connection, delay } from './connections.js';
import { h, hasFocus, setText } from './dom.js';
import { timesFor } from './format.js';
import { loginForm, notice } from './login.js';
import { LogOut } from './logout.js';
import { explain } from './problems.js';
import { styleSheet } from './style.js';
import { fill } from './texts.js';
import { Timeline } from './timeline.js';

/** @typedef {import('../sdk').Room} Room */
/** @typedef {import('./problems.js').Trouble} Trouble */
/** @typedef {import('./connections.js').Settings & { room: string, lang: string }} Settings */

export class Chat {
  #over = new AbortController();
  /** @type {(() => void)[]} */ #ends = [];
  /** @type {Room | null} */ #room = null;
  /** Undefined as long as it is not known who is logged in. @type {import('../sdk').User | null | undefined} */ #user;
  #isEntering = false;
  #wasOpen = false;
  /** @type {Connection | null} */ #connection = null;
  /** @type {unknown} */ #shownError = null;
  /** @type {Timeline | null} */ #timeline = null;
  /** @type {Composer | null} */ #composer = null;
  #isVisible = false;
  /** The refusals that the page knows of. @type {WeakSet<Error>} */ #told = new WeakSet();

  #title = h('strong', { class: 'title', part: 'title', dir: 'auto' });
  #status = h('span', { class: 'status', part: 'status', role: 'status' });
  #content = h('div', { class: 'content' });
  #logOut;
  #root;

  /**
   * @param {HTMLElement} host @param {Settings} settings @param {import('./texts.js').Texts} texts
   * @param {'' | 'noRoom' | 'noServer'} wrong what is wrong with the attributes
   */
  constructor(host, settings, texts, wrong) {
    this.host = host;
    this.settings = settings;
    this.texts = texts;
    this.address = settings.room;
    this.#logOut = new LogOut(texts, () => void this.#leave());
    this.#root = h(
      'section',
      { class: 'root', part: 'root' },
      h('div', { class: 'header', part: 'header' }, this.#title, this.#status, this.#logOut.button),
      this.#logOut.question,
      this.#content,
    );
    const shadow = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
    shadow.adoptedStyleSheets = [styleSheet()];
    shadow.replaceChildren(this.#root);
    this.#setTitle(settings.room);
    if (wrong) {
      this.#show(notice(texts[wrong]));
      this.#report({ code: wrong === 'noRoom' ? 'no_room' : 'no_server', message: texts[wrong], isTransient: false });
      return;
    }
    this.#watchReader();
    this.#connection = Connection.use(settings, this.#update);
    this.#update();
  }

  get client() {
    return this.#connection?.client ?? null;
  }

  /** @param {Settings} settings */
  has(settings) {
    const now = /** @type {Record<string, unknown>} */ (this.settings);
    return Object.entries(settings).every(([name, value]) => now[name] === value);
  }

  close() {
    this.#over.abort();
    this.#leaveRoom();
    this.#connection?.release(this.#update);
  }

  /** Messages count as read while the element is on the screen. */
  #watchReader() {
    const { signal } = this.#over;
    document.addEventListener('visibilitychange', () => this.#markRead(), { signal });
    const observer = new IntersectionObserver((entries) => {
      this.#isVisible = entries.at(-1)?.isIntersecting ?? false;
      this.#markRead();
    });
    observer.observe(this.#root);
    signal.addEventListener('abort', () => observer.disconnect());
  }

  #markRead() {
    const room = this.#room;
    if (room?.unread && this.#isVisible && !document.hidden && this.#timeline?.isAtEnd) void room.markRead();
  }

  /** @param {...Node} nodes */
  #show(...nodes) {
    this.#content.replaceChildren(...nodes);
  }

  /** @param {string} text */
  #setTitle(text) {
    setText(this.#title, text);
    this.#root.setAttribute('aria-label', text);
  }

  /** @param {string} name @param {unknown} detail */
  #tell(name, detail) {
    this.host.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** @param {Trouble} trouble */
  #report({ code, message, error }) {
    this.#tell('parley-error', { code, message, error });
  }

  /** A message, or the edit of one. @param {Error} error @param {string} message what is shown */
  #refuse(error, message) {
    const code = error instanceof Problem ? error.code : error instanceof Unreachable ? 'unreachable' : 'unsent';
    this.#report({ code, message, error, isTransient: false });
  }

  /** The connection has changed. */
  #update = () => {
    const connection = this.#connection;
    if (!connection || this.#over.signal.aborted) return;
    const { client, ready, error } = connection;
    this.#logOut.update((!this.settings.token && client?.user) || null);
    if (!ready) {
      if (error) void this.#showError(error, () => connection.retry());
      else if (!this.#shownError) setText(this.#status, this.texts.connecting);
      return;
    }
    const user = client?.user ?? null;
    if (user !== this.#user) {
      const hadUser = Boolean(this.#user);
      this.#leaveRoom();
      this.#user = user;
      if (user) void this.#enter();
      else this.#askForName(hadUser);
    }
    this.#showState();
  };

  #showState() {
    const state = this.client?.connection;
    this.#wasOpen ||= state === 'open';
    setText(this.#status, this.#room && this.#wasOpen && state === 'connecting' ? this.texts.reconnecting : '');
  }

  /**
   * @param {unknown} error @param {() => void} retry
   * @returns {Promise<boolean>} whether to try again without being asked
   */
  async #showError(error, retry) {
    if (this.#shownError === error) return false;
    this.#shownError = error;
    const trouble = await explain(error, this.texts, this.settings);
    if (this.#over.signal.aborted || this.#shownError !== error) return false;
    setText(this.#status, '');
    const again = () => {
      this.#shownError = null;
      retry();
    };
    // A notice that is there already is not read out again.
    const shown = this.#content.querySelector('[role=alert]')?.textContent;
    if (shown !== trouble.message) this.#show(notice(trouble.message, this.texts.retry, again));
    this.#report(trouble);
    return trouble.isTransient;
  }

  /** @param {boolean} hadUser */
  #askForName(hadUser) {
    const { texts, settings } = this;
    if (settings.token) {
      this.#show(notice(texts.ended, texts.retry, () => void this.#renewUser()));
      return;
    }
    this.#shownError = null;
    const form = loginForm(texts, async (name) => {
      const username = name.replace(/\s+/g, '_');
      try {
        await this.client?.logIn({ username, guest: true });
        // The others see the name as it was written. Without it, they see the username.
        if (username !== name)
          this.client?.request('PATCH', '/v1/users/me', { body: { display_name: name } }).catch(() => {});
        return '';
      } catch (err) {
        const trouble = await explain(err, texts, settings);
        const { code } = trouble;
        const message = code === 'forbidden' ? texts.guestsOff : trouble.message;
        this.#report({ ...trouble, message });
        return message;
      }
    });
    const hadFocus = hasFocus(this.#root);
    this.#show(form);
    if (hadUser && hadFocus) form.querySelector('input').focus();
  }

  /** The product's user may be logged in again. */
  async #renewUser() {
    try {
      await this.client?.request('GET', '/v1/users/me');
    } catch (err) {
      void this.#showError(err, () => void this.#renewUser());
    }
  }

  async #leave() {
    try {
      await this.client?.logOut();
    } catch (err) {
      setText(this.#status, (await explain(err, this.texts, this.settings)).message);
    }
  }

  /** Opens the room, and tries again while the server is away. */
  async #enter() {
    if (this.#isEntering) return;
    this.#isEntering = true;
    const user = this.#user;
    setText(this.#status, this.texts.connecting);
    try {
      const room = await this.#openRoom();
      if (this.#over.signal.aborted || user !== this.#user) room.close();
      else this.#showRoom(room);
    } catch (err) {
      if (!this.#over.signal.aborted && user === this.#user) await this.#onRefused(err);
    }
    this.#isEntering = false;
    if (user !== this.#user && this.#user) void this.#enter();
  }

  async #openRoom() {
    const client = /** @type {import('../sdk').Parley} */ (this.client);
    if (this.address.startsWith('@')) {
      const room = await client.direct(this.address);
      await room.open();
      return room;
    }
    const room = await client.open(this.address);
    // Only members get new messages.
    return room.membership || room.data.kind !== 'public' ? room : client.join(room.id);
  }

  #tries = 0;

  /** @param {unknown} error */
  async #onRefused(error) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
    const again = () => {
      clearTimeout(timer);
      if (!this.#over.signal.aborted && !this.#room) void this.#enter();
    };
    if (await this.#showError(error, again)) timer = setTimeout(again, delay(this.#tries++));
  }

  /** @param {Room} room */
  #showRoom(room) {
    const { texts } = this;
    this.#shownError = null;
    this.#tries = 0;
    this.#room = room;
    this.#connection?.show(room);
    const composer = new Composer(texts, {
      sent: () => void timeline.toEnd(),
      editLast: () => editLast(),
      refused: (error, message) => this.#refuse(error, message),
    });
    const actions = {
      edit: (/** @type {import('../sdk').Message} */ m) => composer.edit(m),
      restore: (/** @type {import('../sdk').Pending} */ pending) => {
        pending.discard();
        composer.restore(pending.text ?? '');
      },
      remove: (/** @type {import('../sdk').Message} */ m) => room.delete(m.id),
      react: (/** @type {import('../sdk').Message} */ m, /** @type {string} */ emoji, /** @type {boolean} */ on) =>
        on ? room.react(m.id, emoji) : room.unreact(m.id, emoji),
    };
    const timeline = new Timeline(texts, timesFor(this.settings.lang), actions, () => this.#markRead());
    const editLast = () => {
      const last = room.messages.findLast((m) => m.sender.id === this.#user?.id && m.text);
      if (last) composer.edit(last);
    };
    [this.#composer, this.#timeline] = [composer, timeline];
    const hadFocus = hasFocus(this.#root);
    this.#show(timeline.el, composer.el);
    timeline.open(room, /** @type {import('../sdk').User} */ (this.#user));
    this.#ends.push(
      room.subscribe(() => this.#onRoom()),
      ...this.#tellMessages(room.id),
    );
    this.#onRoom();
    this.#showState();
    if (hadFocus) composer.focus();
    this.#tell('parley-ready', { room: room.data, user: this.#user });
  }

  /** @param {number} id */
  #tellMessages(id) {
    const tell = (/** @type {import('../sdk').Message} */ m) => m.room_id === id && this.#tell('parley-message', m);
    const client = /** @type {import('../sdk').Parley} */ (this.client);
    return [client.on('message.created', tell), client.on('message.notification', tell)];
  }

  #onRoom() {
    const room = this.#room;
    if (!room) return;
    if (!room.membership) {
      this.#leaveRoom();
      const { removed, joinAgain } = this.texts;
      this.#show(notice(removed, joinAgain, () => void this.#enter()));
      this.#report({ code: 'removed', message: removed, isTransient: false });
      return;
    }
    this.#setTitle(room.name);
    this.#composer?.update(room);
    for (const { error } of room.pending.filter((p) => p.state === 'failed')) {
      if (!error || this.#told.has(error)) continue;
      this.#told.add(error);
      this.#refuse(error, fill(this.texts.failed, { reason: error.message }));
    }
    this.#timeline?.update();
    this.#markRead();
  }

  #leaveRoom() {
    for (const end of this.#ends.splice(0)) end();
    this.#timeline?.close();
    if (this.#room) this.#connection?.hide(this.#room);
    this.#room = this.#timeline = this.#composer = null;
  }
}
