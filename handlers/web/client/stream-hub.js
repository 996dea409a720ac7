// Owns the EventSource that all tabs of a browser share, and keeps it open. It runs in a SharedWorker, or in the
// leading tab. It has no token: a tab makes the requests that need one (the stream's cookie, presence).

const EVENT_NAMES = [
  'ready',
  'message.created',
  'message.notification',
  'message.edited',
  'message.deleted',
  'history.cleared',
  'room.created',
  'room.updated',
  'room.deleted',
  'member.joined',
  'member.left',
  'member.updated',
  'member.banned',
  'presence.entered',
  'presence.left',
  'user.online',
  'user.offline',
  'typing',
  'message.read',
  'reaction.added',
  'reaction.removed',
  'pin.added',
  'pin.removed',
  'contact.added',
  'contact.removed',
  'session.revoked',
  'server.closing',
  'resync',
];
const TASK_TIMEOUT = 10_000; // milliseconds until a task is given to another tab
const IDLE_LIMIT = 60_000; // milliseconds without an event until a request checks whether one was missed
const TICK_INTERVAL = 15_000;
const SLEEP_THRESHOLD = 100_000; // ms between ticks: the machine was asleep, as hidden tabs tick once a minute

export class StreamHub {
  /** @type {Map<string, { post: (message: any) => void, room: number | null }>} */
  #tabs = new Map();
  #session = '';
  /** @type {EventSource | null} */ #source = null;
  #lastId = ''; // the id of the newest event
  #checkedId = ''; // no event up to this id was missed
  #streamId = ''; // the id of the stream, once it is ready
  /** The rooms that the stream is present in. @type {Set<number>} */ #entered = new Set();
  #isReconciling = false;
  #lastEventAt = Date.now();
  #lastTickAt = Date.now();
  /** @type {ReturnType<typeof setInterval>} */ #ticker;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | 0} */ #timer = 0;
  /** @type {Map<number, (ok: boolean) => void>} */ #tasks = new Map();
  #taskCount = 0;
  #isOpening = false;
  /** @type {'connecting' | 'open'} */ #state = 'connecting';

  constructor() {
    this.#ticker = setInterval(() => this.#tick(), TICK_INTERVAL);
  }

  /** Stops for good: another hub has taken over. */
  stop() {
    clearInterval(this.#ticker);
    this.#tabs.clear();
    this.#close();
  }

  /** @param {string} tab @param {(message: any) => void} post */
  join(tab, post) {
    this.#tabs.set(tab, { post, room: null });
    post({ type: 'welcome' });
  }

  /** @param {string} tab */
  leave(tab) {
    if (this.#tabs.delete(tab)) void this.#reconcile();
    if (this.#tabs.size === 0) this.#close();
  }

  /** @param {string} tab @param {any} message @returns {boolean} whether the tab has joined */
  receive(tab, message) {
    const from = this.#tabs.get(tab);
    if (!from) return false;
    switch (message.type) {
      case 'start':
        this.#start(from.post, message);
        break;
      case 'room':
        from.room = message.room;
        if (message.room && this.#entered.has(message.room)) from.post({ type: 'entered', room: message.room });
        void this.#reconcile();
        break;
      case 'done':
        this.#tasks.get(message.task)?.(message.ok);
        break;
      case 'wake':
        if (this.#state !== 'open') this.#reopen(0);
        else if (message.online || Date.now() - this.#lastEventAt > IDLE_LIMIT) void this.#probe();
        break;
      case 'stop':
        from.room = null;
        if (message.session === this.#session)
          this.#close(); // the server removes a closed stream from all rooms
        else void this.#reconcile();
        break;
    }
    return true;
  }

  /**
   * A tab has read its state, and needs the events after the cursor.
   * @param {(message: any) => void} post @param {{ session: string, cursor: string }} m
   */
  #start(post, { session, cursor }) {
    if (session !== this.#session || !this.#lastId) {
      this.#close();
      this.#session = session;
      this.#lastId = cursor;
      this.#checkedId = cursor;
      void this.#open();
    } else {
      post({ type: 'state', state: this.#state });
      if (!this.#source && !this.#isOpening) void this.#open();
    }
  }

  async #open() {
    const session = this.#session;
    if (this.#isOpening || !session) return;
    this.#isOpening = true;
    this.#source?.close();
    this.#source = null;
    const ok = await this.#runInTab({ type: 'cookie' });
    this.#isOpening = false;
    if (session !== this.#session) {
      void this.#open();
      return;
    }
    if (!ok) {
      this.#reopen();
      return;
    }
    const source = new EventSource(`/v1/events?last_event_id=${encodeURIComponent(this.#lastId)}`);
    this.#source = source;
    for (const name of EVENT_NAMES)
      source.addEventListener(name, (e) => {
        if (this.#source === source) this.#onEvent(name, e);
      });
    source.onerror = () => {
      if (this.#source !== source) return;
      this.#markDisconnected();
      // The browser reconnects after a network error, but not after an error status.
      if (source.readyState === EventSource.CLOSED) this.#reopen();
    };
  }

  /** @param {string} name @param {MessageEvent} event */
  #onEvent(name, event) {
    this.#lastEventAt = Date.now();
    if (event.lastEventId) this.#lastId = event.lastEventId;
    this.#checkedId = this.#lastId;
    const kept = event.lastEventId;
    if (name === 'ready') {
      this.#failures = 0;
      this.#streamId = JSON.parse(event.data).stream_id;
      this.#entered.clear();
      this.#setState('open');
      void this.#reconcile();
    }
    this.#broadcast({ type: 'event', name, id: kept, data: event.data });
    if (name === 'server.closing') {
      this.#source?.close();
      this.#source = null;
      this.#markDisconnected();
      this.#reopen(JSON.parse(event.data).reconnect_in_ms);
    } else if (name === 'session.revoked') this.#close();
  }

  #markDisconnected() {
    this.#streamId = '';
    this.#entered.clear();
    this.#setState('connecting');
  }

  /** @param {number} [after] in milliseconds; by default, with exponential backoff and jitter */
  #reopen(after = Math.min(30_000, 500 * 2 ** this.#failures++) * (0.75 + Math.random() / 2)) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.#open();
    }, after);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#session = '';
    this.#lastId = '';
    this.#failures = 0;
    this.#markDisconnected();
  }

  /** @param {'connecting' | 'open'} state */
  #setState(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#broadcast({ type: 'state', state });
  }

  /** @param {any} message */
  #broadcast(message) {
    for (const { post } of this.#tabs.values()) post(message);
  }

  /**
   * Gives a task to a tab. A closed tab does not respond, so all tabs are tried in turn.
   * @param {any} message @returns {Promise<boolean>} whether the task succeeded
   */
  async #runInTab(message) {
    for (const [tab, { post }] of [...this.#tabs]) {
      if (!this.#tabs.has(tab)) continue;
      const task = ++this.#taskCount;
      const reply = await new Promise((resolve) => {
        const timeout = setTimeout(() => resolve(null), TASK_TIMEOUT);
        this.#tasks.set(task, (ok) => {
          clearTimeout(timeout);
          resolve(ok);
        });
        post({ ...message, task });
      });
      this.#tasks.delete(task);
      if (reply !== null) return reply;
    }
    return false;
  }

  /** Makes the stream present in the rooms that the tabs show, and in no others; one change at a time. */
  async #reconcile() {
    if (this.#isReconciling) return;
    this.#isReconciling = true;
    const refused = new Set(); // retried when something changes
    for (;;) {
      const stream = this.#streamId;
      if (!stream) break;
      const wanted = new Set([...this.#tabs.values()].map((t) => t.room).filter((r) => r !== null));
      const enter = [...wanted].find((r) => !this.#entered.has(r) && !refused.has(r));
      const exit = [...this.#entered].find((r) => !wanted.has(r));
      const room = enter ?? exit;
      if (!room) break;
      const ok = await this.#runInTab({ type: 'presence', method: enter ? 'PUT' : 'DELETE', room, stream });
      if (stream !== this.#streamId) continue;
      if (exit && !enter) this.#entered.delete(room);
      else if (ok) {
        this.#entered.add(room);
        for (const t of this.#tabs.values()) if (t.room === room) t.post({ type: 'entered', room });
      } else refused.add(room);
    }
    this.#isReconciling = false;
  }

  #tick() {
    const wasAsleep = Date.now() - this.#lastTickAt > SLEEP_THRESHOLD;
    this.#lastTickAt = Date.now();
    if (!this.#session) return;
    if (wasAsleep) {
      this.#markDisconnected();
      this.#reopen(0);
    } else if (this.#state === 'open' && Date.now() - this.#lastEventAt > IDLE_LIMIT) void this.#probe();
  }

  /**
   * A connection can die unnoticed, and scripts do not see the server's keep-alive comments. So after a long time
   * without events, the log is polled for a newer event. If there is one, and the stream does not deliver it, the
   * stream is dead.
   */
  async #probe() {
    this.#lastEventAt = Date.now();
    const last = this.#lastId;
    try {
      const response = await fetch(`/v1/events/log?limit=1&after=${encodeURIComponent(this.#checkedId)}`);
      if (!response.ok) return;
      const { items, cursor } = await response.json();
      this.#checkedId = cursor;
      if (items.length === 0) return;
      setTimeout(() => {
        if (this.#lastId === last && this.#session) this.#reopen(0);
      }, 3000);
    } catch {
      this.#markDisconnected();
      this.#reopen();
    }
  }
}
