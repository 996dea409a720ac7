// The element: its attributes and properties, and what it shows in each state.

import { Chat } from './chat.js';
import { defaultTexts } from './texts.js';

/** @typedef {import('./connections.js').Settings} Settings */

/** In Node.js, where pages are made on the server, the module can be loaded, and does nothing. */
const Base = globalThis.HTMLElement ?? class {};

/** Where this module comes from. A bundler may know no such address, or that of a file. */
const home = (import.meta.url ?? '').replace(/[^/]*$/, '');
const PROPERTIES = /** @type {const} */ (['server', 'room', 'session', 'token', 'texts']);

/** Whether it is one of the web, with its scheme. @param {string} text */
const isAddress = (text) => /^https?:/.test(text) && URL.canParse(text);

export class ParleyRoom extends Base {
  static observedAttributes = ['server', 'room', 'session', 'token', 'lang'];
  /** @type {Settings['token'] | undefined} */ #token;
  /** @type {Partial<import('./texts.js').Texts>} */ #texts = {};
  /** @type {Chat | null} */ #chat = null;
  #isPending = false;

  connectedCallback() {
    for (const name of PROPERTIES) {
      if (!Object.hasOwn(this, name)) continue; // set before this module was loaded
      const { [name]: value } = this;
      delete this[name];
      /** @type {any} */ (this)[name] = value;
    }
    this.#renew();
  }

  disconnectedCallback() {
    this.#renew();
  }

  attributeChangedCallback() {
    this.#renew();
  }

  /** The address of the server: by default, of the one that this module comes from. */
  get server() {
    const given = this.getAttribute('server')?.trim() || home;
    return (given.startsWith('/') ? new URL(given, document.baseURI).href : given).replace(/\/+$/, '');
  }

  set server(value) {
    this.setAttribute('server', value);
  }

  get room() {
    return this.getAttribute('room') ?? '';
  }

  set room(value) {
    this.setAttribute('room', value);
  }

  /**
   * Where the session of a guest is kept. A cookie is not sent to the server of another site.
   * @returns {'cookie' | 'storage'}
   */
  get session() {
    const wanted = this.getAttribute('session');
    if (wanted === 'cookie' || wanted === 'storage') return wanted;
    const { server } = this;
    const { protocol, hostname } = new URL(isAddress(server) ? server : location.href);
    return protocol === location.protocol && hostname === location.hostname ? 'cookie' : 'storage';
  }

  set session(value) {
    this.setAttribute('session', value);
  }

  get token() {
    return this.#token ?? this.getAttribute('token');
  }

  set token(value) {
    this.#token = value ?? undefined;
    this.#renew();
  }

  get texts() {
    return this.#texts;
  }

  set texts(value) {
    this.#texts = value ?? {};
    this.#renew(true);
  }

  /** The client of the SDK, once there is one. */
  get client() {
    return this.#chat?.client ?? null;
  }

  /** @param {FocusOptions} [options] */
  focus(options) {
    /** @type {HTMLElement | null | undefined} */ (this.shadowRoot?.querySelector('textarea, input, button'))?.focus(
      options,
    );
  }

  /** Soon, and once: attributes change one after the other, and an element that is moved is removed first. */
  #renew(always = false) {
    if (always) this.#close();
    if (this.#isPending) return;
    this.#isPending = true;
    queueMicrotask(() => {
      this.#isPending = false;
      this.#apply();
    });
  }

  #apply() {
    if (!this.isConnected) {
      this.#close();
      return;
    }
    const { server, room, session, token } = this;
    const { lang } = /** @type {HTMLElement} */ (this.closest('[lang]') ?? document.documentElement);
    const settings = { server, room: room.trim(), session, token, lang };
    if (this.#chat?.has(settings)) return;
    this.#close();
    const texts = { ...defaultTexts, ...this.#texts };
    const wrong = isAddress(server) ? (settings.room ? '' : 'noRoom') : 'noServer';
    this.#chat = new Chat(this, settings, texts, wrong);
  }

  #close() {
    this.#chat?.close();
    this.#chat = null;
  }
}
