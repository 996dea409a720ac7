// The types of the SDK. What the server sends is typed from the contract: see `components` and `paths` below.

type Schemas = components['schemas'];
export type User = Schemas['User'];
export type UserRef = Schemas['UserRef'];
export type Message = Schemas['Message'];
export type RoomData = Schemas['Room'];
export type Membership = Schemas['Membership'];
export type Session = Schemas['Session'];
export type FileData = Schemas['FileInfo'];

/** The events of the stream by name, each with its data. Later servers may have more: see `on('*', …)`. */
export interface Events {
  /** A message in an open room (see `Room.open`), even from a time without a connection, and each of the user's own. */
  'message.created': Message;
  /** A message in a room that is not open. There is none for a muted room, or of a blocked user. */
  'message.notification': Message;
  'message.edited': Message;
  'message.deleted': Schemas['MessageRef'];
  'history.cleared': Schemas['HistoryCleared'];
  'room.created': RoomData;
  'room.updated': RoomData;
  'room.deleted': Schemas['RoomGone'];
  'member.joined': Schemas['MemberEvent'];
  'member.left': Schemas['MemberEvent'];
  'member.updated': Schemas['MemberEvent'];
  'member.banned': Schemas['MemberBanned'];
  'presence.entered': Schemas['PresenceEvent'];
  'presence.left': Schemas['PresenceEvent'];
  'user.online': Schemas['UserStatus'];
  'user.offline': Schemas['UserStatus'];
  typing: Schemas['Typing'];
  'message.read': Schemas['ReadEvent'];
  'reaction.added': Schemas['ReactionEvent'];
  'reaction.removed': Schemas['ReactionEvent'];
  'pin.added': Schemas['PinEvent'];
  'pin.removed': Schemas['PinEvent'];
  'contact.added': Schemas['ContactEvent'];
  'contact.removed': Schemas['ContactEvent'];
  ready: Schemas['Ready'];
  resync: Schemas['Resync'];
  'session.revoked': Schemas['SessionRevoked'];
  'server.closing': Schemas['ServerClosing'];
  busy: Schemas['Busy'];
}

/** An error response of the server (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  /** Stable, and what a program should check: `not_found`, `username_taken`, `blocked`, … */
  readonly code: Schemas['ErrorCode'] | (string & {});
  /** What is wrong with the request. `message` is the first of them, if there are any, and otherwise `detail`. */
  readonly errors: { field: string; message: string }[];
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly requestId?: string;
  /** In seconds; 0 if the server did not say. */
  readonly retryAfter: number;
  /** Whether the same request may succeed later. */
  readonly isTransient: boolean;
}

/** The request failed without a response of the server. If your `token` function failed, `cause` is its error. */
export class Unreachable extends Error {
  constructor(cause?: unknown);
}

/** Whether the same request may succeed later: an `Unreachable`, or a `Problem` that says so. */
export function isTransient(error: unknown): boolean;

/** Why a message was not sent, if neither the server nor the network is the reason: see `Pending.sent`. */
export class Unsent extends Error {}

/** Where the session and unsent messages are kept. Each function may return a promise. */
export interface Storage {
  get(key: string): string | null | Promise<string | null>;
  set(key: string, value: string): void | Promise<void>;
  remove(key: string): void | Promise<void>;
  keys(): string[] | Promise<string[]>;
}

/** A storage that ends with the program. */
export function memoryStorage(): Storage;

export interface Options {
  /** The address of the server, such as `https://chat.example.com`. By default, the origin of the page. */
  server?: string;
  /**
   * The tokens of your own back end, instead of a log-in: an access token for the user of this page. `fresh` says that
   * the last one is not valid any more. If it is for another user now, the client becomes that user's. What it throws is
   * an `Unreachable`, so that it is called again later, unless it is a `Problem`.
   */
  token?: (fresh: boolean) => string | Promise<string>;
  /** By default, `localStorage` in a page, and memory elsewhere. */
  storage?: Storage;
  /**
   * Where the refresh token is. `cookie` is the default in a page: scripts cannot read it, and the page's host must
   * belong to the same site as the server. `storage` is the default elsewhere.
   */
  session?: 'cookie' | 'storage';
  /** Whether the tabs of a browser share the log-in and one stream. By default, in a page. */
  share?: boolean;
}

export type Credentials =
  | { username: string; password: string }
  | { username: string; guest: true }
  | { login_code: string };

/**
 * What `connect` is made of: requests, locks, the session, the stream, messages, the outbox, uploads. The web client uses
 * them, which comes from the same server. They have no types here, because they may change with every version: use
 * `connect`.
 */
export const lowLevel: Readonly<Record<string, any>>;

/** A file, or its bytes with a name. */
export type NewFile = Blob | { name: string; data: Blob };

export interface NewMessage {
  text?: string;
  /** Files to upload, uploads that have begun, or ids of files that are uploaded. */
  files?: (NewFile | Upload | string)[];
  reply_to?: number;
  type?: Message['type'];
}

/** Opens the client, and resumes the session that is stored. Nothing more has to be awaited before it is used. */
export function connect(options?: Options): Parley;

export interface Parley {
  /**
   * Resolves when it is known whether there is a session, and the rooms of the user are read. It waits as long as the
   * server or your `token` function is away: see `on('error', …)`. It rejects when the server refuses the token of your
   * function (a `Problem`), or the client is closed while it waits.
   */
  readonly ready: Promise<void>;
  /** The user who is logged in. */
  readonly user: User | null;
  /**
   * `open`: changes arrive at once. `connecting`: they will, or it is not known yet who is logged in, because the server
   * is away. `closed`: nobody is logged in.
   */
  readonly connection: 'open' | 'connecting' | 'closed';
  readonly rooms: Rooms;

  /** Resolves when the rooms of the user are read. */
  logIn(credentials: Credentials): Promise<User>;
  /** A guest who signs up keeps their rooms and messages. */
  signUp(account: Schemas['NewUser']): Promise<User>;
  /**
   * Ends the session here and removes what is stored, even if the server is away. Resolves with whether the server has
   * ended it too: otherwise, it lasts there until it expires or is ended with `DELETE /v1/sessions/{id}`.
   */
  logOut(): Promise<boolean>;

  /** Calls f for each event of the stream with this name, once, after `rooms` has the change. Returns what ends that. */
  on<N extends keyof Events>(name: N, f: (data: Events[N]) => void): () => void;
  /** Calls f for every event, those that this version does not know too. */
  on(name: '*', f: (data: { name: string; data: any }) => void): () => void;
  /** The user has logged in, or the session has ended: `reason` is then `log_out`, `expired`, `session_revoked`, … */
  on(name: 'session', f: (change: { user: User | null; reason: string }) => void): () => void;
  on(name: 'connection', f: (state: Parley['connection']) => void): () => void;
  /** Why it is not known yet who is logged in: the server or your `token` function is away. It is tried again. */
  on(name: 'error', f: (error: Error) => void): () => void;

  /** A room by its id or handle (`lobby` or `#lobby`), with its newest messages. A public one need not be joined. */
  open(room: number | string): Promise<Room>;
  join(room: number | string): Promise<Room>;
  createRoom(room: Schemas['NewRoom']): Promise<Room>;
  /** The direct room with a user: an id or a username (`ada` or `@ada`). */
  direct(user: number | string): Promise<Room>;
  block(user: number | string): Promise<void>;
  unblock(user: number | string): Promise<void>;

  /** Uploads a file to a room in pieces: it continues after a broken connection. */
  upload(room: number, file: NewFile, options?: { url?: string }): Upload;
  /**
   * The bytes of a file of a message, or what is at an address of it, such as its `thumbnail_url`. Throws `Problem` or
   * `Unreachable`.
   */
  download(file: FileData | string, options?: { signal?: AbortSignal }): Promise<Blob>;
  /** Any other request of the contract, with the token. Throws `Problem` or `Unreachable`. */
  request<T = any>(method: string, path: string, options?: RequestOptions & { full?: false }): Promise<T>;
  /** The same, with the headers of the response, such as `ETag`, `Event-Cursor` and `Deprecation`. */
  request<T = any>(method: string, path: string, options: RequestOptions & { full: true }): Promise<FullResponse<T>>;

  /** Closes the stream and everything else. The session stays stored, and so do unsent messages. */
  close(): void;
}

export interface FullResponse<T = any> {
  readonly data: T;
  readonly headers: Headers;
  readonly status: number;
}

export interface RequestOptions {
  /** Sent as JSON. */
  body?: any;
  /** The `Idempotency-Key`. */
  key?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** The response is not JSON: it is read as a `Blob`. */
  bytes?: boolean;
  /** Resolves with `data`, `headers` and `status` of the response, instead of its data alone. */
  full?: boolean;
}

/** The rooms of the user. */
export interface Rooms {
  /** Those that the user is a member of, the latest activity first. The same array until something changes. */
  readonly list: readonly Room[];
  /** The unread messages of all rooms that are not muted. */
  readonly unread: number;
  get(id: number): Room | undefined;
  /** Calls f soon after each change of a room or of the list. Returns what ends that. */
  subscribe: (f: () => void) => () => void;
}

/** A room. `data` is as in the contract; it is replaced when something changes. */
export interface Room {
  readonly id: number;
  readonly data: RoomData;
  /** The name to show: of a direct room, that of the other user. */
  readonly name: string;
  /** Absent when the user is not a member. */
  readonly membership?: Membership;
  readonly unread: number;

  /**
   * A part of the history without gaps, oldest first; empty until `open`. Deleted messages have `deleted_at`. The same
   * array until something changes.
   */
  readonly messages: readonly Message[];
  /** Messages of the user that the server has not acknowledged, in the order in which they were written. */
  readonly pending: readonly Pending[];
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
  /** Others who are typing now. */
  readonly typing: readonly UserRef[];
  /** How far the other user of a direct room has read, once that changes. */
  readonly seen: number;
  subscribe: (f: () => void) => () => void;

  /** The user looks at the room: reads the newest messages, and tells the others that the user is there. */
  open(): Promise<void>;
  /** The user looks elsewhere. */
  close(): void;
  loadOlder(): Promise<void>;
  loadNewer(): Promise<void>;
  loadNewest(): Promise<void>;
  loadAround(message: number): Promise<void>;

  /** Shows the message at once, and sends it once, whatever breaks meanwhile. */
  send(message: string | NewMessage): Pending;
  edit(message: number, text: string): Promise<Message>;
  delete(message: number): Promise<void>;
  react(message: number, emoji: string): Promise<void>;
  unreact(message: number, emoji: string): Promise<void>;
  /** Marks everything as read, or what comes up to a message. */
  markRead(message?: number): Promise<void>;
  /** Tells the others that the user is typing; may be called at each key. */
  type(): void;
  mute(muted: boolean): Promise<void>;
  leave(): Promise<void>;
  /** Reads the counts again: new messages of a muted room arrive only while it is open. */
  refresh(): Promise<void>;
}

/** A message that the server has not acknowledged. It outlives a reload of the page, once its files are uploaded. */
export interface Pending {
  readonly client_id: string;
  readonly room_id: number;
  readonly text?: string;
  readonly reply_to?: number;
  readonly files: readonly Upload[];
  readonly created_at: string;
  readonly state: 'sending' | 'failed';
  /** Why it failed. */
  readonly error?: Error;
  /**
   * The message as it is stored. A failure does not reject it, since `retry` may follow. It rejects with `Unsent` after
   * `discard`, and when the session ends or the client is closed: the message stays stored, unless the user has logged
   * out, and is sent when the same user is there again.
   */
  readonly sent: Promise<Message>;
  /** Sends a failed message again. */
  retry(): void;
  /** Gives the message up. */
  discard(): void;
}

export interface Upload {
  readonly name: string;
  readonly size: number;
  /** The bytes that the server has. */
  readonly sent: number;
  readonly state: 'waiting' | 'sending' | 'done' | 'failed' | 'stopped';
  readonly error?: Error;
  /** The address of the upload, with which another program can continue it. */
  readonly url?: string;
  /** The stored file. Rejects when the upload fails for good or is stopped. */
  readonly file: Promise<FileData>;
  subscribe: (f: () => void) => () => void;
  retry(): void;
  /** Ends the upload, and removes its bytes from the server. */
  stop(): void;
}
