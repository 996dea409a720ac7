// What a logged-in user has: the rooms, their counts, and the events that keep them right. An event may arrive twice, or
// describe a change that a response has already contained. So messages are counted by their number, and where applying
// an event twice would be wrong, the event only causes a new read.

import { Outbox } from './outbox.js';
import { Problem } from './problem.js';
import { Room } from './room.js';
import { SharedStream } from './share.js';
import { address, Tasks } from './tools.js';
import { Upload } from './upload.js';

/** @typedef {import('../sdk').Message} Message */
/** @typedef {import('../sdk').RoomData} RoomData */

const MEMBERS_DELAY = 1000; // milliseconds in which the coming and going of members is joined into one read

export class Account {
  tasks = new Tasks();
  /** @type {Map<number, Room>} */ all = new Map();
  /** @type {readonly Room[] | null} */ #list = null;
  /** @type {Set<number>} */ #blocked = new Set();
  #closed = false;
  /** Those that are not done. @type {Set<Upload>} */ #uploads = new Set();

  /**
   * @param {import('../sdk').User} user @param {import('./http.js').Http} http
   * @param {import('../sdk').Storage} storage @param {import('./locks.js').Locks} locks
   * @param {{ key: string, tab: string, share: boolean, changed: () => void }} options
   */
  constructor(user, http, storage, locks, { key, tab, share, changed }) {
    this.user = user;
    this.http = http;
    this.changed = () => {
      this.#list = null;
      changed();
    };
    const ownKey = `${key}.${user.id}`;
    this.stream = new SharedStream(http, locks, ownKey, tab, share);
    this.outbox = new Outbox(http, storage, locks, {
      key: ownKey,
      tab,
      changed: (room) => this.#showPending(room),
      stored: (m) => this.#addMessage(m),
    });
    this.stream.event.add((name, data) => Object.hasOwn(handlers, name) && handlers[name](this, data));
    this.stream.entered.add((id) => {
      void this.all.get(id)?.sync();
      void this.refresh(id, 0);
    });
    this.stream.state.add((isOpen) => isOpen && this.wake());
    this.loaded = this.#load();
  }

  /** @param {boolean} [isOnline] the network was away */
  wake(isOnline) {
    this.tasks.wake();
    this.outbox.wake();
    this.stream.wake(isOnline);
  }

  /**
   * Uploads a file until the session ends.
   * @param {number} room @param {import('../sdk').NewFile} file @param {string} [url]
   */
  upload(room, file, url) {
    const upload = new Upload(this.http, room, file, url);
    this.#uploads.add(upload);
    upload.subscribe(() => (upload.state === 'done' || upload.state === 'stopped') && this.#uploads.delete(upload));
    return upload;
  }

  close() {
    this.#closed = true;
    this.tasks.stop();
    this.outbox.close();
    for (const upload of this.#uploads) upload.close();
    this.stream.close();
  }

  /** The rooms of the user, the latest activity first. */
  get list() {
    return (this.#list ??= [...this.all.values()]
      .filter((r) => r.membership)
      .sort((a, b) =>
        a.data.active_at < b.data.active_at ? 1 : a.data.active_at > b.data.active_at ? -1 : b.id - a.id,
      ));
  }

  get unread() {
    return this.list.reduce((n, r) => n + (r.membership?.muted ? 0 : r.unread), 0);
  }

  /** Reads everything, at the begin and after a resync. The events that come meanwhile wait. */
  #load() {
    this.stream.hold();
    return this.tasks.run(
      'load',
      async () => {
        await this.stream.joined;
        const [rooms, blocks] = await Promise.all([this.http.getAll('/v1/rooms'), this.http.getAll('/v1/blocks')]);
        if (this.#closed) return;
        this.#blocked = new Set(blocks.items.map((b) => b.user.id));
        const mine = new Set(rooms.items.map((r) => r.id));
        for (const room of this.all.values()) if (!mine.has(room.id)) this.#drop(room.id);
        for (const room of rooms.items) this.put(room);
        this.changed();
        this.stream.release(rooms.event);
      },
      0,
    );
  }

  /** The cursor was lost: reads everything again. Messages of the same numbers may be others now. */
  async reload() {
    const loaded = this.#load();
    for (const room of this.all.values()) room.history.reset();
    await loaded;
    for (const room of this.all.values()) if (room.isOpen) void room.sync();
  }

  /** @param {RoomData} data */
  put(data) {
    let room = this.all.get(data.id);
    const wasMember = room?.membership;
    if (room) room.data = data;
    else {
      this.all.set(data.id, (room = new Room(this, data)));
      this.#showPending(data.id);
    }
    if (room.isOpen && !wasMember) this.showRooms();
    room.changed();
    this.changed();
    return room;
  }

  /** @param {number} id */
  #showPending(id) {
    const room = this.all.get(id);
    if (!room) return;
    room.pending = this.outbox.all.filter((e) => e.room_id === id);
    room.changed();
  }

  /** The user is not a member any more. @param {number} id @param {RoomData | null} [data] as others see it */
  #drop(id, data = null) {
    const room = this.all.get(id);
    if (!room) return;
    const { membership: _, ...rest } = data ?? room.data;
    room.data = rest;
    if (!data) {
      room.history.reset();
      room.isOpen = false;
      this.all.delete(id);
    }
    this.showRooms();
    room.changed();
    this.changed();
  }

  /** Tells the stream which rooms the user looks at. */
  showRooms() {
    this.stream.setRooms([...this.all.values()].filter((r) => r.isOpen && r.membership).map((r) => r.id));
  }

  /** Reads a room again: its counts, and whether the user is still a member. @param {number} id @param {number} [delay] */
  refresh(id, delay) {
    return this.tasks.run(
      `room ${id}`,
      async () => {
        let data = null;
        try {
          data = await this.http.get(`/v1/rooms/${id}`);
        } catch (err) {
          if (!(err instanceof Problem) || (err.status !== 404 && err.status !== 403)) throw err;
        }
        if (this.#closed) return;
        if (!data?.membership) this.#drop(id, data);
        else if (data.last_message_id < (this.all.get(id)?.data.last_message_id ?? 0))
          this.tasks.repeat(`room ${id}`); // older than an event that has arrived meanwhile
        else this.put(data);
      },
      delay,
    );
  }

  /** @param {Message} m */
  #addMessage(m) {
    const room = this.all.get(m.room_id);
    room?.history.add(m);
    room?.setTyping(m.sender, false);
    this.#count(m);
  }

  /** Counts a new message. One that is already counted is passed over. @param {Message} m */
  #count(m) {
    const data = this.all.get(m.room_id)?.data;
    // Replayed after its deletion, a message does not count, and whether it was counted is not known.
    if (!data?.membership || m.deleted_at) {
      void this.refresh(m.room_id);
      return;
    }
    if (m.id <= data.last_message_id) return;
    // Messages of blocked users, and those of a time when the room was muted, were not told.
    if (m.id > data.last_message_id + 1) void this.refresh(m.room_id);
    const { membership } = data;
    const isUnread = m.sender.id !== this.user.id && m.id > membership.last_read_id && !this.#blocked.has(m.sender.id);
    this.put({
      ...data,
      last_message_id: m.id,
      message_count: data.message_count + 1,
      updated_at: m.created_at,
      active_at: m.created_at,
      membership: { ...membership, unread_count: membership.unread_count + (isUnread ? 1 : 0) },
    });
  }

  /** @param {Message} m */
  onMessage(m) {
    if (m.sender.id === this.user.id && m.client_id) this.outbox.acknowledge(m);
    this.#addMessage(m);
  }

  /** The user has read up to a message, here or on another device. @param {number} id @param {number} message */
  applyRead(id, message) {
    const data = this.all.get(id)?.data;
    if (!data?.membership || message <= data.membership.last_read_id) return;
    const isAll = message >= data.last_message_id;
    const unread_count = isAll ? 0 : data.membership.unread_count;
    this.put({ ...data, membership: { ...data.membership, last_read_id: message, unread_count } });
    if (isAll) this.tasks.repeat(`room ${id}`);
    else void this.refresh(id);
  }

  /** @param {number | string} user @param {boolean} block */
  async setBlocked(user, block) {
    await this.http.call(block ? 'PUT' : 'DELETE', `/v1/blocks/${address('@', user)}`);
    // The messages of that user count no more, or again, in each room that both are in.
    await this.#load();
  }
}

/** @type {Record<string, (account: Account, data: any) => void>} */
const handlers = {
  'message.created': (a, m) => a.onMessage(m),
  'message.notification': (a, m) => a.onMessage(m),
  'message.edited': (a, m) => a.all.get(m.room_id)?.history.merge(m, true),
  'message.deleted': (a, { room_id, message_id }) => {
    a.all.get(room_id)?.history.remove(message_id);
    void a.refresh(room_id);
  },
  'history.cleared': (a, { room_id, up_to_id }) => {
    a.all.get(room_id)?.history.clear(up_to_id);
    void a.refresh(room_id);
  },
  // A public room is announced to everybody. It is the user's own if they created it on another device.
  'room.created': (a, room) => (room.kind !== 'public' || room.owner_id === a.user.id) && a.refresh(room.id),
  'room.updated': (a, room) => a.refresh(room.id),
  'room.deleted': (a, { room_id }) => a.all.has(room_id) && a.refresh(room_id),
  'member.joined': onMember,
  'member.left': onGone,
  'member.updated': onMember,
  'member.banned': onGone,
  typing: (a, { room_id, user }) => user.id !== a.user.id && a.all.get(room_id)?.setTyping(user, true),
  'message.read': (a, { room_id, user_id, message_id }) => {
    const room = a.all.get(room_id);
    if (user_id === a.user.id) a.applyRead(room_id, message_id);
    else if (room && message_id > room.seen) {
      room.seen = message_id;
      room.changed();
    }
  },
  'reaction.added': (a, e) => a.all.get(e.room_id)?.history.react(e, e.user.id === a.user.id || undefined),
  'reaction.removed': (a, e) => a.all.get(e.room_id)?.history.react(e, e.user.id === a.user.id ? false : undefined),
  resync: (a) => void a.reload(),
};

/** @param {Account} a @param {any} e */
function onMember(a, { room_id, user }) {
  if (user.id !== a.user.id) void a.refresh(room_id, MEMBERS_DELAY);
  else {
    a.stream.enterAgain(room_id);
    void a.refresh(room_id);
  }
}

/** @param {Account} a @param {any} e */
function onGone(a, { room_id, user }) {
  if (user.id !== a.user.id) void a.refresh(room_id, MEMBERS_DELAY);
  else {
    a.stream.leave(room_id); // until the user is told to be a member again
    void a.refresh(room_id);
  }
}
