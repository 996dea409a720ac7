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
/**
 * This file was auto-generated by openapi-typescript.
 * Do not make direct changes to the file.
 */

export interface paths {
    "/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Search users by the start of their username
         * @description Users whose username starts with `prefix`, in the order of their usernames. Case does not matter.
         */
        get: operations["SearchUsers"];
        put?: never;
        /**
         * Sign up
         * @description Creates an account and logs it in. Open: no token is needed.
         *
         *     With a guest's token, the guest becomes that account, and keeps the id, rooms, messages and read marks. With an
         *     account's token the response is `403 forbidden`.
         *
         *     `409` is `username_taken`, or `idempotency_mismatch`. With an `Idempotency-Key`, the same username and password
         *     return the same session, as long as it is the account's password; once the password was changed, the response is
         *     `401 bad_credentials`.
         */
        post: operations["SignUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the own profile
         * @description The caller's own profile. It is what others see under `GET /v1/users/{user}`.
         */
        get: operations["GetMe"];
        put?: never;
        post?: never;
        /**
         * Delete the own account
         * @description Deletes the account with its sessions, contacts, blocks and memberships. Its streams end, and from then on its
         *     profile is `404`. Its messages stay in their rooms as tombstones. A room that it owned alone goes to the
         *     moderator, or else the member, who joined first; a private room that becomes empty is deleted. This cannot be
         *     undone.
         *
         *     From the response on, nobody sees the account any more: it is in no list, its messages read as tombstones, and
         *     its username is free. If the account had very much, the events for the rest (`member.left`, `message.deleted`
         *     and others) follow in the next seconds or minutes, and `member_count`, `message_count` and the counts of
         *     reactions change with them.
         *
         *     An account with a password must confirm it: `Parley-Password` is required in every session that was opened, by
         *     log-in or sign-up, more than 10 minutes ago. Without it, such a request is `400 invalid_request`; log in again,
         *     or send it. A wrong password is `401 bad_credentials`, and counts as an attempt. Guests, and accounts without a
         *     password, must not send one (`400 invalid_request`).
         */
        delete: operations["DeleteMe"];
        options?: never;
        head?: never;
        /**
         * Change the own profile
         * @description Changes the fields that are in the body and leaves the others. An empty `description` removes it. A username
         *     cannot be changed.
         */
        patch: operations["UpdateMe"];
        trace?: never;
    };
    "/v1/users/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Change the password
         * @description Sets a new password. All other sessions of the account end (`session.revoked` on their streams); the calling
         *     session continues.
         *
         *     A wrong `current_password` is `401 bad_credentials`. An account without a password, which came through another
         *     provider, leaves it out and has a password from then on. A guest has no password to change: `403 forbidden`. The
         *     same holds for users of the product behind `--jwt-issuer` without `--jwt-link`: when the product ends an
         *     account, it must not continue here.
         */
        put: operations["ChangePassword"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/me/identities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what the account is linked with
         * @description The identities at other providers that open the caller's account. The list is short and comes in one page. To
         *     add one, begin a log-in with a token (`GET /v1/auth/{provider}`).
         */
        get: operations["ListIdentities"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/me/identities/{identity}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An identity's `id` from `GET /v1/users/me/identities`.
                 * @example 6QW2VZ4HTN3KRX5B
                 */
                identity: components["parameters"]["PathIdentity"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Unlink an identity
         * @description This identity at a provider no longer opens the caller's account. Sessions that it has opened continue. The last
         *     way to log in cannot be removed: `403 forbidden` for the only identity of an account without a password. Without
         *     `--jwt-link`, the identity of a user of the product behind `--jwt-issuer` cannot be removed either. One that is
         *     not the caller's is `204` as well.
         */
        delete: operations["DeleteIdentity"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        /**
         * Read a user's profile
         * @description The public profile of a user, whether they are online, and when they were last seen.
         */
        get: operations["GetUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user}/direct": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Open the direct room with a user
         * @description The direct room of the caller and that user; it is created if it does not exist. Two users have exactly one
         *     direct room. There is none with oneself (`400 invalid_request`). A direct room that the caller had left is in
         *     the caller's list again (`member.joined`, to the caller only).
         *
         *     `403` is `blocked` when one of the two has blocked the other.
         */
        put: operations["OpenDirectRoom"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the contacts
         * @description The caller's contact list, in the order of user ids.
         */
        get: operations["ListContacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contacts/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Add a contact
         * @description Adds the user to the caller's contact list. Both get `contact.added`; from now on the caller gets the user's
         *     `user.online` and `user.offline`. Repeating it changes nothing. Callers cannot add themselves (`400
         *     invalid_request`).
         *
         *     `403` is `blocked` when one of the two has blocked the other.
         */
        put: operations["AddContact"];
        post?: never;
        /**
         * Remove a contact
         * @description Removes the user from the caller's contact list. Both get `contact.removed`; only the caller does when one has
         *     blocked the other. Repeating it returns `204` as well.
         */
        delete: operations["RemoveContact"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/blocks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the blocked users
         * @description The caller's block list, in the order of user ids. Nobody else can see it.
         */
        get: operations["ListBlocks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/blocks/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Block a user
         * @description Nothing from that user reaches the caller any more, as described in "Blocking" above. The user is not told, but
         *     notices when writing directly: `403 blocked`. Repeating it changes nothing. Callers cannot block themselves
         *     (`400 invalid_request`).
         */
        put: operations["BlockUser"];
        post?: never;
        /**
         * Unblock a user
         * @description Removes the user from the caller's block list. Repeating it returns `204` as well.
         */
        delete: operations["UnblockUser"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the own sessions
         * @description The caller's open sessions, newest first. `current` marks the calling one.
         */
        get: operations["ListSessions"];
        put?: never;
        /**
         * Log in
         * @description Opens a session, in one of three ways. Open: no token is needed.
         *
         *     - With `username` and `password`.
         *     - As a guest, with `username` and `"guest": true`: an account without a password, created for this session and
         *       deleted when its last session has expired. The name must be free (`409 username_taken`). A server that does
         *       not allow guests returns `403 forbidden`. `Idempotency-Key` is not allowed (`400 invalid_request`); if the
         *       response is lost, log in with another name.
         *     - With the `login_code` at the end of a log-in through another provider. It is valid for 60 seconds and works
         *       once, in the browser that began the log-in.
         *
         *     A wrong password, an unknown user and an invalid `login_code` are all `401 bad_credentials`. The right password
         *     of a user of the product behind `--jwt-issuer` is `403 forbidden` without `--jwt-link`: such users log in only
         *     with the product's tokens.
         */
        post: operations["LogIn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Trade a refresh token for new tokens
         * @description Returns a new access token and a new refresh token; the refresh token that was sent is spent. If it comes again
         *     within 30 seconds, and the new one was not used, then the response was lost or two tabs refreshed at once: the
         *     response has the same refresh token, with an access token. Any other use of a spent token revokes its session,
         *     and the session's streams end. Open: no access token is needed. `Idempotency-Key` is ignored.
         *
         *     A browser sends no `refresh_token` in the body: the cookie `parley_refresh` is used if the request's `Origin` is
         *     Parley's own or an allowed one, and the new token is sent as a cookie again. `"cookie": true` with a token in
         *     the body moves a session to the cookie.
         *
         *     `401` is `unauthenticated` (no such token, or a foreign `Origin`), `token_expired` (after 30 days) or
         *     `session_revoked` (spent, or logged out).
         */
        post: operations["RefreshSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{session}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description A session's id, or `current` for the calling one.
                 * @example current
                 */
                session: components["parameters"]["PathSession"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Log out
         * @description Ends one of the caller's sessions; `current` is the calling one. Its tokens stop working on every server at
         *     once, and its streams get `session.revoked` and end. For `current`, the cookies are cleared too. A session that has
         *     ended, or that is none of the caller's, is `204` as well.
         */
        delete: operations["LogOut"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the social networks to log in through
         * @description The providers that are configured on this server, in the order of its settings. Open. The list is short and comes in one page.
         */
        get: operations["ListAuthProviders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/{provider}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description A provider's `name` from `GET /v1/auth/providers`.
                 * @example github
                 */
                provider: components["parameters"]["PathProvider"];
            };
            cookie?: never;
        };
        /**
         * Begin a log-in through a social network
         * @description A page to send the browser to: it redirects to the provider (OpenID Connect with PKCE, state and nonce, or
         *     GitHub's OAuth 2), with an `HttpOnly` cookie that binds the log-in to this browser. The log-in must finish
         *     within ten minutes. Open.
         *
         *     With a token, it links the caller's account with the identity at the provider: both then open the account. A
         *     guest becomes an account this way. A browser sends no token when it navigates to a page, so such a client asks
         *     with `Accept: application/json`, gets the `url` instead of the redirect, and navigates there. Without
         *     `--jwt-link`, a user of the product behind `--jwt-issuer` cannot link anything: the callback is `403 forbidden`.
         *
         *     A provider that does not respond is `503 unavailable`. A browser whose `Accept` names `text/html` is sent to the
         *     path in `redirect` instead, followed by `#login_error=unavailable`.
         */
        get: operations["BeginAuth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/{provider}/callback": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description A provider's `name` from `GET /v1/auth/providers`.
                 * @example github
                 */
                provider: components["parameters"]["PathProvider"];
            };
            cookie?: never;
        };
        /**
         * Finish a log-in through a social network
         * @description The address to which the provider sends the browser back. It redirects to the path that the log-in began with,
         *     followed by `#login_code=…` (`&login_code=…` if the path already has a `#`). The code is valid for 60 seconds
         *     and works once, only in the browser that began: exchange it at `POST /v1/sessions`. Open.
         *
         *     A user who logs in for the first time gets an account, with the username at the provider, or a similar one that
         *     is free. The account is identified by the provider's `issuer` and `subject` alone, never by an e-mail address.
         *     When the log-in began with a token, there is no code: the caller's account is linked. `409 username_taken` means
         *     that the identity at the provider is linked with another account.
         *
         *     If the provider refuses, or the response does not belong to a log-in of this browser, the response is `401
         *     bad_credentials`; a log-in that took too long is `410 expired`. A browser whose `Accept` names `text/html` is
         *     sent back to the path that its log-in began with, followed by `#login_error=…` with the problem's `code`, if
         *     that log-in is known.
         */
        get: operations["FinishAuth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the own rooms
         * @description The rooms of which the caller is a member, most recent activity (`active_at`) first, each with its exact counts
         *     and the caller's `membership`.
         */
        get: operations["ListRooms"];
        put?: never;
        /**
         * Create a room
         * @description Creates a room with a `handle`, a `name` or both. The caller is its owner and first member. `kind` is `public`
         *     or `private`; direct rooms are created with `PUT /v1/users/{user}/direct`. A public room is announced to every
         *     client with `room.created`, a private one to its members.
         *
         *     `409` is `handle_taken`, or `idempotency_mismatch`.
         */
        post: operations["CreateRoom"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Search public rooms
         * @description Public rooms whose handle or name starts with `prefix`; case does not matter. Without `prefix`, all public
         *     rooms; `subject` narrows the list. Rooms that the caller is banned from are left out. Rooms whose handle matches
         *     come first, in the order of handles; then rooms of which only the name matches, in the order of names.
         */
        get: operations["SearchRooms"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        /**
         * Read a room
         * @description A room with its counts, and for a member the `membership`. A public room can be read without joining, but not by
         *     a banned user (`403 banned`); a private or direct room is `404` to outsiders.
         */
        get: operations["GetRoom"];
        put?: never;
        post?: never;
        /**
         * Delete a room
         * @description Deletes the room with its messages and files. The owner may do it (`403 forbidden` for others), and in a direct
         *     room the user who remains when the other's account was deleted. Every client gets `room.deleted` when the room
         *     was public, otherwise its members. At once, the room is `404` and its handle is free; its messages and files
         *     leave the disk in the next seconds or minutes. Repeating it with the room's id returns `204` as well, for those
         *     who were members.
         */
        delete: operations["DeleteRoom"];
        options?: never;
        head?: never;
        /**
         * Change a room
         * @description Changes the fields that are in the body and leaves the others; for owners and moderators (`403 forbidden` for
         *     others). An empty string removes the field, but a room keeps a handle or a name. Members get `room.updated`. A
         *     direct room cannot be changed (`403 forbidden`).
         */
        patch: operations["UpdateRoom"];
        trace?: never;
    };
    "/v1/rooms/{room}/members": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        /**
         * List the members of a room
         * @description The members, in the order of their user ids. `present` shows who is in the room now. A public room's members can
         *     be read without joining.
         */
        get: operations["ListMembers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/members/me": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Join a public room
         * @description Makes the caller a member; everything that is already in the room counts as read. Members and the caller get
         *     `member.joined`. A member who joins again changes nothing. A room without an owner, because all have left it,
         *     goes to the first user who joins: `member.joined` has the `role` `owner`. (If it has members, it goes to the
         *     moderator, or else the member, who joined first. Nobody owns the lobby.) A banned user is `403 banned`. A
         *     private room needs an invite: to outsiders it is `404`.
         */
        put: operations["JoinRoom"];
        post?: never;
        /**
         * Leave a room
         * @description Ends the caller's membership. Members and the caller get `member.left`. When the last owner leaves, the room
         *     goes to the moderator, or else the member, who joined first. An empty private room is deleted; an empty public
         *     room remains for the first user who joins. Repeating it by the room's id returns `204` as well, also after a ban
         *     or the end of the room.
         *
         *     A direct room that the caller leaves is no longer in the caller's list and counts as read; only the caller gets
         *     `member.left`, and both remain its two users. It comes back with the next message in it, whose event says so, or
         *     when the caller opens or joins it again. Once the other's account is deleted, leaving deletes the room.
         */
        delete: operations["LeaveRoom"];
        options?: never;
        head?: never;
        /**
         * Mute a room, or unmute it
         * @description A muted room sends its member no `message.notification`; its counts continue. Only the member, on all devices, gets `member.updated` with `muted`.
         */
        patch: operations["UpdateMembership"];
        trace?: never;
    };
    "/v1/rooms/{room}/members/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Add a member, or set a role
         * @description For owners and moderators. A user who is not a member becomes one (`member.joined`); a member gets the role
         *     (`member.updated`). The same role again changes nothing. Only an owner makes owners, a moderator cannot demote
         *     an owner, and a room keeps at least one owner: `403 forbidden`. A user who is banned from the room, or is
         *     blocked by the caller or has blocked the caller, cannot be added: `403` with `banned` or `blocked`. A user who
         *     left a private room cannot be added either (`403 forbidden`): such users come back with an invite that was made
         *     after they left. Callers who name themselves join, as with `members/me`. `404` is the room or the user.
         */
        put: operations["PutMember"];
        post?: never;
        /**
         * Remove a member
         * @description For owners and moderators; a moderator cannot remove an owner (`403 forbidden`). Members and the removed user
         *     get `member.left`, which is the last event of the room on that user's streams. A user who is not a member, or
         *     does not exist, is `204` as well.
         */
        delete: operations["RemoveMember"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/bans": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        /**
         * List the bans of a room
         * @description The bans that are in force, in the order of user ids; for owners and moderators.
         */
        get: operations["ListBans"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/bans/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Ban a user from a room
         * @description For owners and moderators. Removes the user if they are a member, and keeps them out until `until`, or
         *     permanently. Members and the banned user get `member.banned`, and no `member.left`. Another ban changes the
         *     reason and the end. A moderator cannot ban an owner, and a direct room has no bans (`403 forbidden`); callers
         *     cannot ban themselves (`400 invalid_request`). `404` is the room or the user.
         */
        put: operations["BanUser"];
        post?: never;
        /**
         * Lift a ban
         * @description For owners and moderators. The user may join again, but does not become a member. A user who is not banned,
         *     or does not exist, is `204` as well.
         */
        delete: operations["UnbanUser"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/invites": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        /**
         * List the invites of a room
         * @description The invites that still work, newest first; for owners and moderators.
         */
        get: operations["ListInvites"];
        put?: never;
        /**
         * Make an invite
         * @description A code that lets everybody who has it into the room; for owners and moderators. Without `max_uses` and
         *     `expires_at`, it works until it is revoked, or until its creator may no longer invite: has left, was removed or
         *     banned, is a plain member, or was deleted. It does not work again when the creator comes back. A direct room has
         *     no invites (`403 forbidden`).
         */
        post: operations["CreateInvite"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/invites/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description An invite's code.
                 * @example Yk3vR8sLq2Wd
                 */
                code: components["parameters"]["PathCode"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an invite
         * @description For owners and moderators. The code stops working at once; the users that it let in stay. Repeating it returns `204` as well; something that cannot be a code is `404`.
         */
        delete: operations["RevokeInvite"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invites/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An invite's code.
                 * @example Yk3vR8sLq2Wd
                 */
                code: components["parameters"]["PathCode"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Redeem an invite
         * @description Makes the caller a member of the invite's room; members and the caller get `member.joined`. A caller who is
         *     already a member does not use up the invite. A used-up or expired invite is `410 expired`, and so is one whose
         *     creator may no longer invite, or that was made before the caller left the room. An unknown or revoked one is
         *     `404 not_found`. An invite does not lift a ban (`403 banned`). The request has no body.
         */
        post: operations["RedeemInvite"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/presence/{stream}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The `stream_id` of an open stream's `ready`.
                 * @example st_5Vq0cXyR2mBn8LwZ
                 */
                stream: components["parameters"]["PathStream"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Enter a room with a stream
         * @description Says that the user of this stream is looking at the room. The stream gets `message.created` instead of
         *     `message.notification`, and the room's `presence.entered`, `presence.left` and `typing`. `{stream}` is the
         *     `stream_id` of the stream's `ready`, on whichever server it is open. Streams in the room get `presence.entered`
         *     for the user's first stream. Repeating it changes nothing.
         *
         *     While more than 500 users are present in a room, those who enter are counted and not announced: only the stream
         *     itself gets `presence.entered`. `GET /v1/events` has the details, and
         *     `GET /v1/rooms/{room}/members?present=true` returns all who are present.
         *
         *     `404` is the room, or a stream that is not open or not the caller's.
         */
        put: operations["EnterRoom"];
        post?: never;
        /**
         * Leave a room with a stream
         * @description Takes the stream out of the room; the membership stays. The end of a stream does the same. Streams in the room
         *     get `presence.left` when it was the user's last one and they know of the user. Repeating it returns `204` as
         *     well, also for a stream that has ended.
         */
        delete: operations["ExitRoom"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Mark messages as read
         * @description The caller has read everything up to and including `message_id`. The mark only moves forward: a smaller number
         *     changes nothing, and that message need not exist any more. A number beyond the newest message is `400
         *     invalid_request`. The reader's other streams get `message.read`, and in a direct room also those of the other
         *     user, unless one has blocked the other.
         */
        put: operations["MarkRead"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/typing": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tell that the caller is typing
         * @description Streams in the room get `typing`, which is valid for 5 seconds; send it again while the typing continues. While
         *     more than 500 users are present in the room, they do not get it. The request has no body. Users who may not write there may not type either: `403` is `forbidden` (not a member),
         *     `banned`, or in a direct room `blocked`.
         */
        post: operations["StartTyping"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        /**
         * Read the history
         * @description A page of the room's messages, oldest first within the page, including tombstones of deleted messages. Without
         *     parameters it is the newest page.
         *
         *     `before`, `after`, `around` and the pair `since`, `until` exclude each other (`400 invalid_request`).
         *     `next_cursor` continues in the requested direction: to older messages without parameters, with `before` and with
         *     `until`; to newer ones with `after` and `since`. `around` has none. `since` with `limit` returns the first
         *     messages from that time on, `until` with `limit` the last ones before it; both together return the first
         *     messages from `since` on that are before `until`.
         *
         *     A public room's history can be read without joining.
         */
        get: operations["ListMessages"];
        put?: never;
        /**
         * Send a message
         * @description Sends a message into a room of which the caller is a member. A message has `text`, files that were uploaded to
         *     this room before (`file_ids`), or both. To send a message and its attachments in one request, use `POST
         *     /v1/rooms/{room}/messages/form`. (A form sent to this path still works, and its response has `Deprecation`.)
         *
         *     When the response arrives, the message is stored permanently. Members' streams that are in the room get
         *     `message.created`, and so do the sender's; members' other streams get `message.notification`.
         *
         *     `403` is `forbidden` (not a member), `banned`, or in a direct room `blocked`. `422 bad_file`: in a message of
         *     type `image`, a file is not a readable picture. A `reply_to` that never was a message of this room, or a file
         *     that is not in this room, is `400 invalid_request`.
         */
        post: operations["SendMessage"];
        /**
         * Clear the history
         * @description Removes all messages of the room for everybody, without tombstones; for owners and moderators. The counts become
         *     zero, and the numbers continue. Members get `history.cleared`. Clearing an empty history returns `204` too.
         */
        delete: operations["ClearHistory"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/messages/form": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a message with its files
         * @description Like `POST /v1/rooms/{room}/messages`, with the attachments in the same request, as `multipart/form-data`. The
         *     fields are those of the JSON body, and each attachment is a part named `file`, with its file name and its
         *     `Content-Type`. All attachments together have the limit of one file (`413 too_large`). If the message is
         *     refused, nothing of it is kept.
         *
         *     `422 bad_file` is an empty attachment, or in a message of type `image` one that is not a readable picture. An
         *     `Idempotency-Key` belongs to this path: the same key at `POST /v1/rooms/{room}/messages` is another one.
         */
        post: operations["SendMessageForm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/messages/search": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        /**
         * Search the messages of a room
         * @description Messages of the room, newest first: by their start with `prefix` (case does not matter), or by words with `q`
         *     (all of them, in any order, without regard to case and accents). Give exactly one of the two. Deleted messages
         *     are not found.
         *
         *     Each word of `q` finds the words that start with it: `kube` finds Kubernetes. Words consist of letters, marks
         *     and digits; `lodz` finds Łódź, by the tables of Unicode CLDR. In scripts without spaces, and in Korean,
         *     characters find texts that have them side by side in that order: 東京, 학교. An emoji is a word, with or without
         *     U+FE0F; one without a skin tone finds those with any. `C#`, `C++`, `50%`, `@anna`, `#tea` and `$5` are found
         *     with their signs. Parts that one character joins, as in 3.14 or anna@example.com, are found where the same words
         *     follow each other. U+200B separates words, a soft hyphen does not. The first 64 characters of a word are
         *     compared, and the first 200 of a start. A `q` without a word finds nothing.
         */
        get: operations["SearchMessages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Search the messages of all own rooms
         * @description Messages of all rooms of which the caller is a member, newest first, by words, as in the search of one room.
         *     Deleted messages are not found.
         */
        get: operations["SearchAllMessages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/messages/{message}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
            };
            cookie?: never;
        };
        /**
         * Read a message
         * @description One message of a room. A deleted one is returned as its tombstone.
         */
        get: operations["GetMessage"];
        put?: never;
        post?: never;
        /**
         * Delete a message
         * @description For its sender, and for owners and moderators of the room. The message stays as a tombstone with `deleted_at`
         *     and without text and files, and does not count any more. Members get `message.deleted`. Repeating it returns
         *     `204` as well, whatever `If-Match` says.
         */
        delete: operations["DeleteMessage"];
        options?: never;
        head?: never;
        /**
         * Edit a message
         * @description Replaces the text of one of the caller's own messages (`403 forbidden` for others' messages; `403 blocked` in a
         *     direct room where one has blocked the other). `edited_at` has the time. Members get `message.edited`. A deleted
         *     message is `404`.
         */
        patch: operations["EditMessage"];
        trace?: never;
    };
    "/v1/rooms/{room}/messages/{message}/reactions/{emoji}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
                /**
                 * @description One emoji, which is one grapheme cluster of at most 64 bytes, percent-encoded in UTF-8. With and without U+FE0F it is the same; skin tones are different.
                 * @example 👍
                 */
                emoji: components["parameters"]["PathEmoji"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * React to a message
         * @description Adds the caller's reaction. A user may react to one message with several emoji, once with each; repeating it
         *     changes nothing. Members get `reaction.added`. One user may have 20 reactions on a message, and a message 100
         *     different ones. A deleted message is `404`. `403` is `blocked` when the caller and the message's sender have
         *     blocked each other in either direction.
         */
        put: operations["AddReaction"];
        post?: never;
        /**
         * Take a reaction back
         * @description Removes the caller's reaction. Members get `reaction.removed`. Repeating it returns `204` as well. In a direct room where one has blocked the other, it is `403 blocked`.
         */
        delete: operations["RemoveReaction"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/pins": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        /**
         * List the pinned messages
         * @description The room's pinned messages, newest message first. A public room's pins can be read without joining.
         */
        get: operations["ListPins"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/pins/{message}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Pin a message
         * @description For owners and moderators. Members get `pin.added`. Repeating it changes nothing. A deleted message is `404`; a
         *     pinned message that is deleted loses its pin.
         */
        put: operations["PinMessage"];
        post?: never;
        /**
         * Unpin a message
         * @description For owners and moderators. Members get `pin.removed`. Repeating it returns `204` as well.
         */
        delete: operations["UnpinMessage"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a message to a channel or to a user
         * @description Like `POST /v1/rooms/{room}/messages`, with the room named by `target`: `#handle` for a channel of which the
         *     caller is a member, `@username` for a private message to that user. The direct room of the two is created if it
         *     does not exist.
         *
         *     `403` is `forbidden` (not a member), `banned`, or `blocked`; `404` is the channel or the user. `file_ids` names
         *     files of the target's room.
         */
        post: operations["SendToTarget"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rooms/{room}/files": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Upload a file
         * @description Stores one file in a room of which the caller is a member; use its id in a message's `file_ids`. The body is the
         *     file itself, with its name as `?name=` and its media type as `Content-Type`: any type, and not only
         *     `application/octet-stream`; or a `multipart/form-data` body with one `file` part, which has its own name and
         *     type.
         *
         *     `Expect: 100-continue` is answered before the body is sent: the server says `100 Continue` when it is ready, or
         *     refuses without having read a byte. A file over the server's limit (100 MB by default) is `413 too_large`, and
         *     so is one that exceeds the caller's quota (10 GB by default). Any file is accepted; only an empty one is `422
         *     bad_file`. `media_type` is determined from the bytes. The type that the client sent is used where the bytes do
         *     not tell: for a table, a special format, a camera's raw pictures, and audio in a container that may hold video.
         *     A wrong guess, such as `video/mp2t` for TypeScript, is ignored.
         *
         *     Pictures get `width` and `height`, as they are to be shown, and a thumbnail, up to 25 million pixels (13 million
         *     with 16 bits, 11 million in a progressive JPEG). A file that is not in a message within a day is deleted.
         */
        post: operations["UploadFile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description A file's id.
                 * @example f_9Jx2mQwT4kVbRz7c
                 */
                file: components["parameters"]["PathFile"];
            };
            cookie?: never;
        };
        /**
         * Read a file's metadata
         * @description For members of the file's room; before a message has the file, for its uploader only. `404` for others, and when its message is deleted.
         */
        get: operations["GetFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file}/content": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description A file's id.
                 * @example f_9Jx2mQwT4kVbRz7c
                 */
                file: components["parameters"]["PathFile"];
            };
            cookie?: never;
        };
        /**
         * Download a file
         * @description The bytes, for the same users as `GET /v1/files/{file}`. `Content-Type` is the file's `media_type`, and not only
         *     `application/octet-stream`; `Accept` has no effect. `Range` and `If-Range`
         *     work, with up to 10 ranges; with more of them the response is the whole file. A range outside the file is `416`
         *     (`invalid_request`). `If-None-Match` with the file's `ETag` returns `304`.
         *
         *     Nothing that a user uploads runs in the server's name: responses carry `X-Content-Type-Options: nosniff` and
         *     `Content-Security-Policy: sandbox`, and `Content-Disposition` is `attachment` for everything but raster
         *     pictures, audio and video.
         */
        get: operations["GetFileContent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Read a file's headers
         * @description The same as `GET`, without the bytes. Errors have no body either.
         */
        head: operations["HeadFileContent"];
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file}/thumbnail": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description A file's id.
                 * @example f_9Jx2mQwT4kVbRz7c
                 */
                file: components["parameters"]["PathFile"];
            };
            cookie?: never;
        };
        /**
         * Download a picture's thumbnail
         * @description A small version of a picture, at most 320 pixels wide and high, as JPEG or PNG, upright, and without the
         *     original's metadata, such as where it was taken. It is made in the background: a request that comes too soon
         *     waits for up to 5 s, and is then `503`. A file without `thumbnail_url` has none: `404`.
         */
        get: operations["GetThumbnail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/uploads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin an upload in chunks
         * @description Uploads large files in chunks, and survives a broken connection: [tus
         *     1.0.0](https://tus.io/protocols/resumable-upload) with the extensions creation, creation-with-upload, checksum,
         *     expiration and termination. Any tus client works; give it the bearer token as a header.
         *
         *     `Upload-Metadata` has the file's name (`filename`), its media type (`filetype`) and the room (`room_id`,
         *     required), each value in Base64. The caller must be a member of the room. The body may have the first bytes
         *     (creation-with-upload). An upload that gets no bytes until `Upload-Expires` is removed.
         *
         *     A request without `Tus-Resumable: 1.0.0` gets `412`, with `Tus-Version`.
         */
        post: operations["CreateUpload"];
        delete?: never;
        /**
         * Ask what uploads can do
         * @description The server's tus version, extensions, checksum algorithms and size limit. Open.
         */
        options: operations["GetUploadOptions"];
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/uploads/{upload}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An upload's id, the last part of its `Location`.
                 * @example u_0aPq7RtLm5XcVe1Y
                 */
                upload: components["parameters"]["PathUpload"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Give an upload up
         * @description Removes an unfinished upload and its bytes. The file of a finished upload stays. An upload that has ended, or
         *     that is none of the caller's, is `204` as well. An upload to which another request is writing is `423`.
         */
        delete: operations["DeleteUpload"];
        /**
         * Ask what an upload can do
         * @description The same as `OPTIONS /v1/uploads`. Open; it does not reveal whether the upload exists.
         */
        options: operations["GetOneUploadOptions"];
        /**
         * Ask how far an upload is
         * @description Where to continue after a broken connection. A client that asks is not sending any more, so a request on this
         *     server that still waits for bytes of the upload is ended first. A finished upload has its file's id in
         *     `Parley-File-Id`. An upload that has all its bytes but no file, because the server ended at that moment, gets
         *     the file now: errors are then those of `PATCH`, and `423` while another request does the same. Errors have no
         *     body. Another user's upload is `404`.
         */
        head: operations["HeadUpload"];
        /**
         * Send bytes of an upload
         * @description Appends the body at `Upload-Offset`, which must be the upload's current offset (`409 upload_conflict` otherwise,
         *     and `423` while another request writes to it). Bytes that arrived before the connection broke are kept. With the
         *     last byte, the file is checked and stored: `Parley-File-Id` has its id, ready for `file_ids`.
         *
         *     `Upload-Checksum` protects a chunk: one that does not match is discarded (`460 upload_conflict`), and can be
         *     sent again. A client that cannot send `PATCH`, `DELETE` or `HEAD` sends `POST` with `X-HTTP-Method-Override`.
         */
        patch: operations["PatchUpload"];
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow what happens
         * @description A stream of server-sent events (`text/event-stream`) with everything that the caller may know of, from now on or
         *     from where an earlier stream ended. Scripts and bots that poll read the same events with `GET /v1/events/log`.
         *     (With `Accept: application/json`, this route still returns what that one does, and the response has
         *     `Deprecation`; `after` and `limit` are for this form.)
         *
         *     Takes the bearer token, or the cookie of `POST /v1/events/cookie`, because a browser's `EventSource` cannot send
         *     a header.
         *
         *     ### The stream
         *
         *     Each event has `event:` with its name and `data:` with one line of JSON. Events that are kept also have `id:`.
         *
         *     ```
         *     retry: 3127
         *
         *     id: k3f9-1041
         *     event: ready
         *     data: {"stream_id":"st_5Vq0cXyR2mBn8LwZ","user_id":12,"resumed":false,"server_time":"2026-03-14T09:26:50.114Z"}
         *
         *     event: presence.entered
         *     data: {"room_id":7,"user":{"id":15,"username":"grace","display_name":"Grace"}}
         *
         *     id: k3f9-1042
         *     event: message.created
         *     data: {"id":42,"room_id":7,"sender":{"id":15,"username":"grace","display_name":"Grace"},"type":"text","text":"Tea at four?","files":[],"reactions":[],"created_at":"2026-03-14T09:26:53.589Z"}
         *
         *     : keep-alive
         *
         *     id: k3f9-1045
         *     event: message.read
         *     data: {"room_id":7,"user_id":12,"message_id":42}
         *     ```
         *
         *     - `retry:` comes first: how long to wait before reconnecting, about 3,000 ms, randomized so that not all clients
         *       return at once.
         *     - `ready` is the first event. Use its `stream_id` in `PUT /v1/rooms/{room}/presence/{stream}`. On a new stream,
         *       its `id:` is the current cursor; on a resumed one, it is the id from which the stream resumes, so that a break
         *       right after it loses nothing.
         *     - A comment line every 20 seconds keeps proxies from closing the connection. A client that has received nothing
         *       for 60 seconds should reconnect.
         *     - Events come in one order, the same for all readers and on every server. The order of `message.created` in a
         *       room is the order of the messages' numbers.
         *     - A slow reader is not disconnected and loses nothing: it reads from the log until it has caught up. A client
         *       whose machine does not respond is dropped after 30 seconds, and one that takes nothing at all after 3 minutes;
         *       either can reconnect with its last id.
         *
         *     ### Reconnecting
         *
         *     Events are kept for 7 days by default. A client that reconnects with `Last-Event-ID` (a browser does it by
         *     itself) or `?last_event_id=`, to any server and after any restart, gets every kept event that it missed, once
         *     and in order, and then the events that follow. The header takes precedence over the parameters, which a browser
         *     repeats unchanged. `?lastEventId=`, which polyfills of `EventSource` add, takes precedence over
         *     `?last_event_id=`. The `Event-Cursor` of any response can be used as `last_event_id`.
         *
         *     Ids are opaque: they contain an epoch, which changes when a database is restored, and a position. Do not compare
         *     or count them. Events without `id:` do not change the last id, and are not sent again.
         *
         *     If a cursor cannot be served, the stream has `resync` instead of the replay, after a `ready` without `id:` (so
         *     that a break between the two does not look like a successful resume). Its `id:` is the current cursor, and its
         *     `reason` is `expired` (older than what is kept) or `unknown` (of another epoch, or not an id). The client then
         *     reads everything again through REST. There is never a silent gap.
         *
         *     ### Rooms that the stream is in
         *
         *     `?room=ID` (repeatable) enters those rooms for the life of the stream, as `PUT …/presence/{stream}` does later.
         *     A room of which the caller is not a member is ignored: a browser that reconnects repeats its URL, and must not
         *     lose its stream because the user has left a room. A stream that is in a room gets the room's messages as
         *     `message.created`. A stream that is not gets them as `message.notification`, except for muted rooms and blocked
         *     senders. Both carry the same id for the same message. The sender's own streams always get `message.created`.
         *
         *     ### Who is present
         *
         *     `presence.entered` and `presence.left` tell the streams in a room who enters it and leaves it, while at most 500
         *     users are present there. Read who is present from `GET /v1/rooms/{room}/members?present=true` when you enter,
         *     and apply the events to it; each can be applied twice.
         *
         *     While more than 500 users are present, users who enter are counted and not announced, and nobody's `typing` is
         *     sent: with ten thousand users present, each of these would be ten thousand events. Users who were announced are
         *     still announced when they leave. When 500 users or fewer are left, those who were only counted are announced, so
         *     a list that is made of events alone never has a user who is gone, and is complete again. A list of more than
         *     500 users that was read by `GET` is that of its moment: read it again when you show it.
         *
         *     ### The end
         *
         *     - `server.closing` is the last event before an orderly stop: reconnect after `reconnect_in_ms`.
         *     - `session.revoked` is the last event after a log-out. Do not reconnect; the tokens do not work any more.
         *     - A stream may outlive its access token, but not its session.
         *     - A user has at most 20 streams at once.
         *
         *     ### When there is no stream now
         *
         *     A browser's `EventSource` closes for good on any status but `200`. So a request for a stream that would get
         *     `429`, `503` or `500` gets `200`, a `retry:`, the single event `busy`, and the end of the response: the server
         *     is stopping, the user has too many streams or has made too many requests, or the database does not respond.
         *     `Retry-After` is there as well. An `EventSource` reconnects by itself with its last id, since `busy` has no
         *     `id:`; other clients should wait for `retry:` milliseconds. What waiting does not solve stays a problem: `400`,
         *     `401`, `406`.
         *
         *     ```
         *     retry: 1874
         *
         *     event: busy
         *     data: {"reason":"stopping"}
         *     ```
         *
         *     ### What a replay shows
         *
         *     A message is replayed, and polled, in its current state, under the name of its event: with its edited text and
         *     its current reactions, and as a tombstone with `deleted_at` once it is deleted. Events with a message that does
         *     not exist any more are left out: of a cleared history, or of a deleted room or account. (Events that only name
         *     it by `message_id`, such as reactions, are shown.) Other events name a user whose account was deleted `deleted`.
         *     Of a deleted room, only the deletion and its members' coming and going are shown. Later events may carry what a
         *     message already shows: they carry results, so apply them as they are.
         *
         *     ### The events
         *
         *     ● marks events that are kept and have an `id:`. In events, `user` and `sender` have only `id`, `username` and
         *     `display_name`, and nothing depends on the reader (`me` and `membership` are absent).
         *
         *     | event | data | sent to |
         *     |---|---|---|
         *     | `ready` (with `id:`) | `Ready` | this stream, first |
         *     | ● `message.created` | `Message` | members' streams that are in the room, and the sender's |
         *     | ● `message.notification` | `Message` | members' streams that are not in the room; not for muted rooms or blocked senders |
         *     | ● `message.edited` | `Message` | members |
         *     | ● `message.deleted` | `MessageRef` | members |
         *     | ● `history.cleared` | `HistoryCleared` | members |
         *     | ● `room.created` | `Room` | every client for a public room, members for others |
         *     | ● `room.updated` | `Room` | members |
         *     | ● `room.deleted` | `RoomGone` | every client for a public room, members for others |
         *     | ● `member.joined`, `member.left`, `member.updated` | `MemberEvent` | members, and the user |
         *     | ● `member.banned` | `MemberBanned` | members, and the user |
         *     | `presence.entered`, `presence.left` | `PresenceEvent` | streams in the room, while at most 500 users are present |
         *     | `user.online`, `user.offline` | `UserStatus` | users who have the user as a contact, or share a room that is not too large |
         *     | `typing` | `Typing` | streams in the room, likewise |
         *     | ● `message.read` | `ReadEvent` | members of a direct room; the reader's other streams |
         *     | ● `reaction.added`, `reaction.removed` | `ReactionEvent` | members |
         *     | ● `pin.added`, `pin.removed` | `PinEvent` | members |
         *     | ● `contact.added`, `contact.removed` | `ContactEvent` | both users |
         *     | `session.revoked` | `SessionRevoked` | that session's streams, which then end |
         *     | `server.closing` | `ServerClosing` | every stream, before an orderly stop |
         *     | `resync` (with `id:`) | `Resync` | a stream whose cursor cannot be served |
         *     | `busy` | `Busy` | a client that cannot have a stream now, instead of the stream |
         */
        get: operations["StreamEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Poll what happened
         * @description A page of the events that are kept, the oldest first, for scripts and bots that poll: the same events as on the
         *     stream, with the same ids, in the same order. Every message comes as `message.created`. What a replay shows
         *     holds here too: a message is in its current state.
         *
         *     `after` is where the page starts: the `cursor` of the last page, the id of an event, or the `Event-Cursor` of
         *     any response; without it, the page starts with the oldest event that is kept. `next_cursor` is there as long as
         *     there is more now; send it as `cursor`, as in every list. The page's own `cursor` is always there, also on an
         *     empty page: poll again later with `after` set to it. (It moves on past what the caller may not see, so that it
         *     does not expire while nothing happens for the caller. The header `Event-Cursor` has it too.)
         *
         *     A cursor that cannot be served is `410 expired`: it is older than what is kept, or of another database. Read
         *     again through REST, and continue from its `Event-Cursor`.
         *
         *     Takes the bearer token, or the cookie of `POST /v1/events/cookie`.
         */
        get: operations["ListEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/cookie": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get a cookie for the event stream
         * @description For a browser's `EventSource`, which cannot send a header. Sets an `HttpOnly`, `SameSite` cookie that opens
         *     `/v1/events` and `/v1/events/log` and nothing else, for the caller's session and no longer: 30 days, renewed
         *     each time a stream is opened with it. The request has no body.
         */
        post: operations["CreateEventsCookie"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Ask whether the process is alive
         * @description Responds as long as the process runs, whatever the state of the database. Open, and not limited.
         */
        get: operations["Healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Ask whether the server can serve
         * @description Ready when the database responds and takes writes, the disk has the free space that `--min-free-disk` requires,
         *     and the server is not about to stop. A load balancer should send requests only then. Open, and not limited.
         */
        get: operations["Readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the metrics
         * @description Counters and gauges in the text format of Prometheus. Open, and not limited; let a proxy keep outsiders away.
         */
        get: operations["Metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description A log-in and its tokens.
         * @example {
         *       "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxMiJ9.c2lnbmF0dXJl",
         *       "token_type": "Bearer",
         *       "expires_in": 900,
         *       "refresh_token": "rt_2xT9bVqLs0ZpKf7wYc4mRn8hJd1gUe6a",
         *       "session_id": "s_Qm4tXe81LpZr0BvK",
         *       "user": {
         *         "id": 12,
         *         "username": "ada",
         *         "display_name": "Ada",
         *         "guest": false,
         *         "online": false,
         *         "created_at": "2026-03-14T09:26:50.000Z"
         *       }
         *     }
         */
        Session: {
            /** @description The JWT for `Authorization`. */
            access_token: string;
            /** @description Always `Bearer`. */
            token_type: string;
            /** @description For how many seconds the access token is valid. */
            expires_in: number;
            /** @description Works once, within 30 days. Absent when it comes as a cookie. */
            refresh_token?: string;
            session_id: string;
            user: components["schemas"]["User"];
        } & {
            [key: string]: unknown;
        };
        /**
         * @description One of the caller's sessions.
         * @example {
         *       "id": "s_Qm4tXe81LpZr0BvK",
         *       "created_at": "2026-03-14T09:26:50.000Z",
         *       "last_used_at": "2026-03-14T11:02:07.310Z",
         *       "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
         *       "ip": "192.0.2.17",
         *       "current": true
         *     }
         */
        SessionInfo: {
            id: string;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description When it made its last request, with an accuracy of one minute.
             */
            last_used_at: string;
            /** @description The `User-Agent` of its log-in or last refresh, cut to 256 characters; empty if there was none. */
            user_agent: string;
            /** @description The address from which its log-in or last refresh came. */
            ip: string;
            /** @description Whether this is the calling session. */
            current: boolean;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user's public profile.
         * @example {
         *       "id": 15,
         *       "username": "grace",
         *       "display_name": "Grace",
         *       "description": "Compilers and clocks.",
         *       "guest": false,
         *       "online": false,
         *       "last_seen_at": "2026-03-14T08:12:44.902Z",
         *       "created_at": "2026-01-05T17:40:00.215Z"
         *     }
         */
        User: {
            /** Format: int64 */
            id: number;
            username: string;
            /** @description The name to show; by default the username. */
            display_name: string;
            /** @description What users say about themselves. */
            description?: string;
            /** @description Whether the account has no password and is deleted with its last session. */
            guest: boolean;
            /** @description Whether the user has an open event stream. */
            online: boolean;
            /**
             * Format: date-time
             * @description When the user's last stream ended. Absent while the user is online, and if the user never had a stream.
             */
            last_seen_at?: string;
            /** Format: date-time */
            created_at: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user as messages and events show one.
         * @example {
         *       "id": 15,
         *       "username": "grace",
         *       "display_name": "Grace"
         *     }
         */
        UserRef: {
            /** Format: int64 */
            id: number;
            username: string;
            display_name: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description An entry of the contact list or of the block list.
         * @example {
         *       "user": {
         *         "id": 15,
         *         "username": "grace",
         *         "display_name": "Grace",
         *         "guest": false,
         *         "online": true,
         *         "created_at": "2026-01-05T17:40:00.215Z"
         *       },
         *       "added_at": "2026-03-01T10:00:00.000Z"
         *     }
         */
        Contact: {
            user: components["schemas"]["User"];
            /** Format: date-time */
            added_at: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A provider to log in through.
         * @example {
         *       "name": "github",
         *       "url": "/v1/auth/github"
         *     }
         */
        AuthProvider: {
            /** @description Its name in the server's settings and in paths. */
            name: string;
            /**
             * Format: uri-reference
             * @description Where to send the browser. You may add `?redirect=`.
             */
            url: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A log-in that has begun.
         * @example {
         *       "url": "https://github.com/login/oauth/authorize?client_id=Iv1.8a61f9b3a7aba766&state=4MRB2TQWZ7XK5LP3"
         *     }
         */
        AuthBeginning: {
            /**
             * Format: uri
             * @description Where to send the browser.
             */
            url: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description An identity at another provider that opens the account.
         * @example {
         *       "id": "6QW2VZ4HTN3KRX5B",
         *       "provider": "google",
         *       "issuer": "https://accounts.google.com",
         *       "subject": "110169484474386276334",
         *       "created_at": "2026-03-01T10:00:00.000Z"
         *     }
         */
        Identity: {
            id: string;
            /** @description The provider's name when it was linked, or `jwt` for a product with its own users. */
            provider: string;
            /** @description The provider's address; together with `subject` it identifies the account. */
            issuer: string;
            /** @description The user's id at the provider. */
            subject: string;
            /** Format: date-time */
            created_at: string;
        } & {
            [key: string]: unknown;
        };
        /** @description What a member may do: `owner`, `moderator` or `member`. A moderator changes the room and moderates it; an owner also makes owners and deletes the room. There may be more in the future; treat them as `member`. */
        Role: string;
        /**
         * @description `public`: everybody may find, read and join it. `private`: by invite, unknown to outsiders. `direct`: between
         *     two users. There may be more in the future; treat them as `private`.
         */
        RoomKind: string;
        /**
         * @description A room. Both counts are exact, and do not include deleted messages.
         * @example {
         *       "id": 7,
         *       "handle": "tea-house",
         *       "name": "Tea house",
         *       "description": "Leaves, pots and water.",
         *       "kind": "public",
         *       "owner_id": 12,
         *       "created_at": "2026-02-01T12:00:00.000Z",
         *       "updated_at": "2026-03-14T09:26:53.589Z",
         *       "active_at": "2026-03-14T09:26:53.589Z",
         *       "member_count": 31,
         *       "message_count": 41,
         *       "last_message_id": 42,
         *       "membership": {
         *         "role": "owner",
         *         "joined_at": "2026-02-01T12:00:00.000Z",
         *         "last_read_id": 40,
         *         "unread_count": 2,
         *         "muted": false
         *       }
         *     }
         */
        Room: {
            /** Format: int64 */
            id: number;
            /** @description The unique name, without `#`. Absent when the room has none. */
            handle?: string;
            /** @description The name to show, which need not be unique. Absent when the room has none. */
            name?: string;
            description?: string;
            kind: components["schemas"]["RoomKind"];
            /** @description The external thing that the room is about. A subject may have many rooms. */
            subject?: string;
            /**
             * Format: int64
             * @description The owner's user id; of several owners, the first who joined. Absent in a direct room, which belongs to both, and in a room without an owner.
             */
            owner_id?: number;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description When the room itself was last changed: by a new message, or in its handle, name or description. Edits,
             *     reactions, pins, deletions and members do not change it; `since` of the list finds rooms with those too.
             */
            updated_at: string;
            /**
             * Format: date-time
             * @description When the newest message was sent, or the room was created. The list of rooms is ordered by it, newest first,
             *     and then by `id`, highest first. It never goes back: only a new message changes it, and deleting or clearing
             *     messages does not.
             */
            active_at: string;
            /** Format: int64 */
            member_count: number;
            /** Format: int64 */
            message_count: number;
            /**
             * Format: int64
             * @description The number of the newest message, deleted or not; 0 if there has been none.
             */
            last_message_id: number;
            /** @description The two users of a direct room, by id; only the remaining one when the other's account was deleted. Absent in other rooms. */
            users?: components["schemas"]["UserRef"][];
            membership?: components["schemas"]["Membership"];
        } & {
            [key: string]: unknown;
        };
        /**
         * @description The caller's own settings and state in the room. Absent in events, and for callers who are not members.
         * @example {
         *       "role": "member",
         *       "joined_at": "2026-02-03T18:22:10.041Z",
         *       "last_read_id": 42,
         *       "unread_count": 0,
         *       "muted": false
         *     }
         */
        Membership: {
            role: components["schemas"]["Role"];
            /** Format: date-time */
            joined_at: string;
            /**
             * Format: int64
             * @description The number of the last message that was read; 0 if none was.
             */
            last_read_id: number;
            /**
             * Format: int64
             * @description How many messages of other users come after `last_read_id` and are not deleted.
             */
            unread_count: number;
            muted: boolean;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A member of a room.
         * @example {
         *       "user": {
         *         "id": 15,
         *         "username": "grace",
         *         "display_name": "Grace",
         *         "guest": false,
         *         "online": true,
         *         "created_at": "2026-01-05T17:40:00.215Z"
         *       },
         *       "role": "moderator",
         *       "joined_at": "2026-02-03T18:22:10.041Z",
         *       "present": true
         *     }
         */
        Member: {
            user: components["schemas"]["User"];
            role: components["schemas"]["Role"];
            /** Format: date-time */
            joined_at: string;
            /** @description Whether one of the member's streams is in the room now. */
            present: boolean;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user who is kept out of a room.
         * @example {
         *       "user": {
         *         "id": 19,
         *         "username": "mallory",
         *         "display_name": "Mallory",
         *         "guest": false,
         *         "online": true,
         *         "created_at": "2026-03-13T22:01:00.000Z"
         *       },
         *       "reason": "Advertising",
         *       "until": "2026-03-21T09:30:00.000Z",
         *       "banned_by": {
         *         "id": 12,
         *         "username": "ada",
         *         "display_name": "Ada"
         *       },
         *       "created_at": "2026-03-14T09:30:00.000Z"
         *     }
         */
        Ban: {
            user: components["schemas"]["User"];
            reason?: string;
            /**
             * Format: date-time
             * @description When the ban ends. Absent when it is permanent.
             */
            until?: string;
            banned_by?: components["schemas"]["UserRef"];
            /** Format: date-time */
            created_at: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A code that lets everybody who has it into a room.
         * @example {
         *       "code": "Yk3vR8sLq2Wd",
         *       "room_id": 9,
         *       "expires_at": "2026-03-21T00:00:00.000Z",
         *       "max_uses": 5,
         *       "uses": 1
         *     }
         */
        Invite: {
            code: string;
            /** Format: int64 */
            room_id: number;
            /**
             * Format: date-time
             * @description Absent when the invite does not expire.
             */
            expires_at?: string;
            /**
             * Format: int64
             * @description How many users it lets in. Absent when there is no limit.
             */
            max_uses?: number;
            /**
             * Format: int64
             * @description How many it has let in.
             */
            uses: number;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description How a message is to be shown. In a `text`, `text` is the message; in a `sticker`, `text` names it; an `image`
         *     and a `file` have at least one file, and `text` is their caption. There may be more in the future; show their
         *     `text` and `files`.
         */
        MessageType: string;
        /**
         * @description A message, identified by `room_id` and `id`. One with `deleted_at` is a tombstone: it keeps its place, without
         *     text, files and reactions.
         * @example {
         *       "id": 42,
         *       "room_id": 7,
         *       "sender": {
         *         "id": 15,
         *         "username": "grace",
         *         "display_name": "Grace"
         *       },
         *       "type": "text",
         *       "text": "Tea at four?",
         *       "files": [],
         *       "reactions": [
         *         {
         *           "emoji": "👍",
         *           "count": 2,
         *           "me": true
         *         }
         *       ],
         *       "client_id": "c-7f31",
         *       "created_at": "2026-03-14T09:26:53.589Z"
         *     }
         */
        Message: {
            /**
             * Format: int64
             * @description Counts up within the room, in the order in which readers see the messages.
             */
            id: number;
            /** Format: int64 */
            room_id: number;
            /** @description The room's `subject`. */
            subject?: string;
            sender: components["schemas"]["UserRef"];
            type: components["schemas"]["MessageType"];
            /** @description Absent in a tombstone, and in a message that has only files. */
            text?: string;
            files: components["schemas"]["FileInfo"][];
            /**
             * Format: int64
             * @description The number of the message in this room to which this one replies.
             */
            reply_to?: number;
            /** @description In the order in which each emoji was first used. */
            reactions: components["schemas"]["Reaction"][];
            /** @description The id that the sender gave the message, to recognize its echo. */
            client_id?: string;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description When the text was last changed. Absent if it never was.
             */
            edited_at?: string;
            /**
             * Format: date-time
             * @description Only in a tombstone.
             */
            deleted_at?: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description One emoji on a message.
         * @example {
         *       "emoji": "👍",
         *       "count": 2,
         *       "me": true
         *     }
         */
        Reaction: {
            emoji: string;
            /**
             * Format: int64
             * @description How many users reacted with it.
             */
            count: number;
            /** @description Whether the caller is among them. Absent in events. */
            me?: boolean;
        } & {
            [key: string]: unknown;
        };
        /** @description A pinned message. */
        Pin: {
            message: components["schemas"]["Message"];
            pinned_by: components["schemas"]["UserRef"];
            /** Format: date-time */
            pinned_at: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A file's metadata.
         * @example {
         *       "id": "f_9Jx2mQwT4kVbRz7c",
         *       "room_id": 7,
         *       "name": "harbour.jpg",
         *       "media_type": "image/jpeg",
         *       "size": 482113,
         *       "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         *       "width": 1600,
         *       "height": 1200,
         *       "url": "/v1/files/f_9Jx2mQwT4kVbRz7c/content",
         *       "thumbnail_url": "/v1/files/f_9Jx2mQwT4kVbRz7c/thumbnail",
         *       "created_at": "2026-03-14T09:25:31.007Z"
         *     }
         */
        FileInfo: {
            id: string;
            /** Format: int64 */
            room_id: number;
            name: string;
            /** @description The type of the bytes, determined from them; the type that the client sent where they do not tell. */
            media_type: string;
            /**
             * Format: int64
             * @description In bytes.
             */
            size: number;
            /** @description The digest of the bytes in lower-case hexadecimal. */
            sha256: string;
            /** @description In pixels, for a picture that can be read. */
            width?: number;
            /** @description In pixels, for a picture that can be read. */
            height?: number;
            /**
             * Format: uri-reference
             * @description Where to download the bytes.
             */
            url: string;
            /**
             * Format: uri-reference
             * @description Where to download a small version. Only for pictures that the server can read.
             */
            thumbnail_url?: string;
            /** Format: date-time */
            created_at: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description The response of a healthy server.
         * @example {
         *       "status": "ok"
         *     }
         */
        Health: {
            /** @description Always `ok`. */
            status: string;
        } & {
            [key: string]: unknown;
        };
        /** @description What went wrong, for programs. The table is at the top of this page. There may be more in the future; `status` says what kind of problem they are. */
        ErrorCode: string;
        /**
         * @description An error, as defined by RFC 9457.
         * @example {
         *       "type": "/docs/problems#not_found",
         *       "title": "Not Found",
         *       "status": 404,
         *       "detail": "There is nothing here, or nothing that you may see.",
         *       "code": "not_found",
         *       "request_id": "7bQm2c9Xw0Zt"
         *     }
         */
        Problem: {
            /**
             * Format: uri-reference
             * @description The kind of problem: the address of the section about its `code` on the server's page of problems. It is relative to the server, and starts with `/`.
             */
            type: string;
            /** @description The kind of problem in words. It is the same in every case. */
            title: string;
            status: number;
            /** @description What is wrong in this case, for people. */
            detail?: string;
            code: components["schemas"]["ErrorCode"];
            /** @description With `invalid_request`, the fields that are wrong, 20 at most. */
            errors?: components["schemas"]["FieldError"][];
            /** @description Identifies this request in the server's log. */
            request_id?: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description What is wrong with one field, parameter or header.
         * @example {
         *       "field": "username",
         *       "message": "must be 2 to 32 letters of one script, digits, _, - or ., and start with a letter"
         *     }
         */
        FieldError: {
            /** @description Its name; in lists with the index, as in `file_ids[2]`. */
            field: string;
            message: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A sign-up.
         * @example {
         *       "username": "ada",
         *       "password": "correct horse battery",
         *       "display_name": "Ada"
         *     }
         */
        NewUser: {
            /** @description Letters of one script, digits, `_`, `-` and `.`, starting with a letter. Unique without regard to case. */
            username: string;
            /** Format: password */
            password: string;
            /** @description The default is the username. */
            display_name?: string;
            description?: string;
            /** @description Keep the refresh token in an `HttpOnly` cookie instead of the response. The default is `false`. */
            cookie?: boolean;
        };
        /**
         * @description The fields of the profile to change.
         * @example {
         *       "description": "Engines and notes."
         *     }
         */
        ProfileChange: {
            display_name?: string;
            /** @description An empty string removes it. */
            description?: string;
        };
        /**
         * @description The old password and the new one.
         * @example {
         *       "current_password": "correct horse battery",
         *       "new_password": "staple and candle"
         *     }
         */
        PasswordChange: {
            /**
             * Format: password
             * @description Required if the account has a password.
             */
            current_password?: string;
            /** Format: password */
            new_password: string;
        };
        /**
         * @description A log-in, in one of its three forms: `username` and `password`; or `username` and `"guest": true`, perhaps with
         *     `display_name`; or `login_code` alone. `cookie` goes with each. Any other combination is `400 invalid_request`.
         * @example {
         *       "username": "ada",
         *       "password": "correct horse battery"
         *     }
         */
        Credentials: {
            /** @description The account's name, or a free one for a guest, by the rules of sign-up. */
            username?: string;
            /** Format: password */
            password?: string;
            /** @description With `true`, a new guest. The default is `false`. */
            guest?: boolean;
            /** @description Only for a guest. The default is the username. */
            display_name?: string;
            /** @description The code at the end of a log-in through another provider. */
            login_code?: string;
            /** @description Keep the refresh token in an `HttpOnly` cookie instead of the response. The default is `false`. */
            cookie?: boolean;
        };
        /**
         * @description A refresh token, or nothing when it comes as a cookie.
         * @example {
         *       "refresh_token": "rt_2xT9bVqLs0ZpKf7wYc4mRn8hJd1gUe6a"
         *     }
         */
        Refresh: {
            refresh_token?: string;
            /** @description Keep the new refresh token in an `HttpOnly` cookie instead of the response. */
            cookie?: boolean;
        };
        /**
         * @description A room to create, with a `handle`, a `name` or both.
         * @example {
         *       "handle": "tea-house",
         *       "name": "Tea house",
         *       "description": "Leaves, pots and water."
         *     }
         */
        NewRoom: {
            /** @description Letters of one script, digits, `_`, `-` and `.`, starting with a letter; without `#`. Unique without regard to case. */
            handle?: string;
            name?: string;
            description?: string;
            /**
             * @description The default is `public`.
             * @enum {string}
             */
            kind?: "public" | "private";
            /** @description An external thing that the room is about, such as an advert, an order or a document. */
            subject?: string;
        };
        /**
         * @description The fields of the room to change. An empty string removes a field.
         * @example {
         *       "name": "The tea house"
         *     }
         */
        RoomChange: {
            /** @description As in a new room; may be empty if the room has a name. */
            handle?: string;
            /** @description May be empty only if the room has a handle. */
            name?: string;
            description?: string;
        };
        /**
         * @description The new role of the member. Without it, a new member becomes `member`, and a member keeps the current role.
         * @example {
         *       "role": "moderator"
         *     }
         */
        RoleChange: {
            /** @enum {string} */
            role?: "owner" | "moderator" | "member";
        };
        /**
         * @description The caller's own settings in the room to change.
         * @example {
         *       "muted": true
         *     }
         */
        MembershipChange: {
            muted?: boolean;
        };
        /**
         * @description The reason and the end of a ban. Without `until` the ban is permanent.
         * @example {
         *       "reason": "Advertising",
         *       "until": "2036-03-21T09:30:00.000Z"
         *     }
         */
        NewBan: {
            reason?: string;
            /**
             * Format: date-time
             * @description In the future.
             */
            until?: string;
        };
        /**
         * @description The limits of an invite, both optional.
         * @example {
         *       "max_uses": 5,
         *       "expires_at": "2036-03-21T00:00:00.000Z"
         *     }
         */
        NewInvite: {
            /** Format: int64 */
            max_uses?: number;
            /**
             * Format: date-time
             * @description In the future.
             */
            expires_at?: string;
        };
        /**
         * @description The message up to which everything is read.
         * @example {
         *       "message_id": 42
         *     }
         */
        ReadMark: {
            /** Format: int64 */
            message_id: number;
        };
        /**
         * @description A message to send. It has `text`, `file_ids` or both.
         * @example {
         *       "text": "Tea at four?",
         *       "client_id": "c-7f31"
         *     }
         */
        NewMessage: {
            /**
             * @description The default is `text`.
             * @enum {string}
             */
            type?: "text" | "sticker" | "image" | "file";
            text?: string;
            /** @description Files of this room that the caller has uploaded. */
            file_ids?: string[];
            /**
             * Format: int64
             * @description The number of a message in this room.
             */
            reply_to?: number;
            /** @description Comes back in the response and in the event. */
            client_id?: string;
        };
        /**
         * @description A message to send, and its target. It has `text`, `file_ids` or both.
         * @example {
         *       "target": "@grace",
         *       "text": "Tea at four?"
         *     }
         */
        TargetedMessage: {
            /** @description `#handle` for a channel, `@username` for a user. */
            target: string;
            /**
             * @description The default is `text`.
             * @enum {string}
             */
            type?: "text" | "sticker" | "image" | "file";
            text?: string;
            /** @description Files of the target's room that the caller has uploaded. */
            file_ids?: string[];
            /**
             * Format: int64
             * @description The number of a message in the target's room.
             */
            reply_to?: number;
            /** @description Comes back in the response and in the event. */
            client_id?: string;
        };
        /**
         * @description The new text; an empty one removes the text of a message that has files.
         * @example {
         *       "text": "Tea at five?"
         *     }
         */
        MessageEdit: {
            text: string;
        };
        /**
         * @description A message and its attachments in one request. Without `type`, a message without files is `text`; with files it
         *     is `image` if all of them are readable pictures (with `width` and `height`), else `file`. A field that is empty
         *     counts as left out, and so does a `file` without a name and bytes: browsers and some generated clients send
         *     those too.
         */
        MessageForm: {
            /** @enum {string} */
            type?: "text" | "sticker" | "image" | "file";
            text?: string;
            /** @description One part per attachment, with its file name and `Content-Type`. */
            file?: string[];
            /** Format: int64 */
            reply_to?: number;
            client_id?: string;
        };
        /** @description A file as a form. */
        FileForm: {
            /** Format: binary */
            file: string;
        };
        /** @description A page of users. */
        UserList: {
            items: components["schemas"]["User"][];
            /** @description What to send as `cursor` for the next page. Absent on the last one. */
            next_cursor?: string;
        } & {
            [key: string]: unknown;
        };
        /** @description A page of rooms. */
        RoomList: {
            items: components["schemas"]["Room"][];
            /** @description What to send as `cursor` for the next page. Absent on the last one. */
            next_cursor?: string;
        } & {
            [key: string]: unknown;
        };
        /** @description A page of members. */
        MemberList: {
            items: components["schemas"]["Member"][];
            /** @description What to send as `cursor` for the next page. Absent on the last one. */
            next_cursor?: string;
        } & {
            [key: string]: unknown;
        };
        /** @description A page of messages. */
        MessageList: {
            items: components["schemas"]["Message"][];
            /** @description What to send as `cursor` for the next page. Absent on the last one. */
            next_cursor?: string;
        } & {
            [key: string]: unknown;
        };
        /** @description A page of contacts, or of blocked users. */
        ContactList: {
            items: components["schemas"]["Contact"][];
            /** @description What to send as `cursor` for the next page. Absent on the last one. */
            next_cursor?: string;
        } & {
            [key: string]: unknown;
        };
        /** @description A page of bans. */
        BanList: {
            items: components["schemas"]["Ban"][];
            /** @description What to send as `cursor` for the next page. Absent on the last one. */
            next_cursor?: string;
        } & {
            [key: string]: unknown;
        };
        /** @description A page of pins. */
        PinList: {
            items: components["schemas"]["Pin"][];
            /** @description What to send as `cursor` for the next page. Absent on the last one. */
            next_cursor?: string;
        } & {
            [key: string]: unknown;
        };
        /** @description A page of invites. */
        InviteList: {
            items: components["schemas"]["Invite"][];
            /** @description What to send as `cursor` for the next page. Absent on the last one. */
            next_cursor?: string;
        } & {
            [key: string]: unknown;
        };
        /** @description A page of sessions. */
        SessionInfoList: {
            items: components["schemas"]["SessionInfo"][];
            /** @description What to send as `cursor` for the next page. Absent on the last one. */
            next_cursor?: string;
        } & {
            [key: string]: unknown;
        };
        /** @description The identities, all in one page. */
        IdentityList: {
            items: components["schemas"]["Identity"][];
        } & {
            [key: string]: unknown;
        };
        /** @description The providers, all in one page. */
        AuthProviderList: {
            items: components["schemas"]["AuthProvider"][];
        } & {
            [key: string]: unknown;
        };
        /** @description A page of the log, the oldest event first. */
        EventList: {
            items: components["schemas"]["PolledEvent"][];
            /** @description What to send as `cursor` for the next page. Absent when there is no more now. */
            next_cursor?: string;
            /** @description Where this page ends. Poll again later with `after` set to it. */
            cursor: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description The stream is open.
         * @example {
         *       "stream_id": "st_5Vq0cXyR2mBn8LwZ",
         *       "user_id": 12,
         *       "resumed": false,
         *       "server_time": "2026-03-14T09:26:50.114Z"
         *     }
         */
        Ready: {
            /** @description Identifies the stream in `PUT /v1/rooms/{room}/presence/{stream}`. */
            stream_id: string;
            /** Format: int64 */
            user_id: number;
            /** @description Whether the stream continues from the client's last id. */
            resumed: boolean;
            /** Format: date-time */
            server_time: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A message was deleted.
         * @example {
         *       "room_id": 7,
         *       "message_id": 42
         *     }
         */
        MessageRef: {
            /** Format: int64 */
            room_id: number;
            /** Format: int64 */
            message_id: number;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description All messages up to a number were removed.
         * @example {
         *       "room_id": 7,
         *       "up_to_id": 42
         *     }
         */
        HistoryCleared: {
            /** Format: int64 */
            room_id: number;
            /**
             * Format: int64
             * @description The last number that was removed.
             */
            up_to_id: number;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A room was deleted.
         * @example {
         *       "room_id": 7,
         *       "handle": "tea-house"
         *     }
         */
        RoomGone: {
            /** Format: int64 */
            room_id: number;
            /** @description Absent if the room had none. */
            handle?: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user became a member, is no longer one, or has another role.
         * @example {
         *       "room_id": 7,
         *       "user": {
         *         "id": 15,
         *         "username": "grace",
         *         "display_name": "Grace"
         *       },
         *       "role": "member"
         *     }
         */
        MemberEvent: {
            /** Format: int64 */
            room_id: number;
            subject?: string;
            user: components["schemas"]["UserRef"];
            role: components["schemas"]["Role"];
            /** @description Whether the member has muted the room. Only in the `member.updated` that only this member gets. */
            muted?: boolean;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user was banned from a room, and is no longer a member of it.
         * @example {
         *       "room_id": 7,
         *       "user": {
         *         "id": 19,
         *         "username": "mallory",
         *         "display_name": "Mallory"
         *       },
         *       "reason": "Advertising",
         *       "until": "2026-03-21T09:30:00.000Z"
         *     }
         */
        MemberBanned: {
            /** Format: int64 */
            room_id: number;
            subject?: string;
            user: components["schemas"]["UserRef"];
            reason?: string;
            /**
             * Format: date-time
             * @description Absent when the ban is permanent.
             */
            until?: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user entered a room with the first stream, or left it with the last one.
         * @example {
         *       "room_id": 7,
         *       "user": {
         *         "id": 15,
         *         "username": "grace",
         *         "display_name": "Grace"
         *       }
         *     }
         */
        PresenceEvent: {
            /** Format: int64 */
            room_id: number;
            subject?: string;
            user: components["schemas"]["UserRef"];
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user opened the first stream, or the last one ended.
         * @example {
         *       "user": {
         *         "id": 15,
         *         "username": "grace",
         *         "display_name": "Grace"
         *       },
         *       "at": "2026-03-14T09:26:48.730Z"
         *     }
         */
        UserStatus: {
            user: components["schemas"]["UserRef"];
            /** Format: date-time */
            at: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user is typing.
         * @example {
         *       "room_id": 7,
         *       "user": {
         *         "id": 15,
         *         "username": "grace",
         *         "display_name": "Grace"
         *       },
         *       "until": "2026-03-14T09:26:57.002Z"
         *     }
         */
        Typing: {
            /** Format: int64 */
            room_id: number;
            user: components["schemas"]["UserRef"];
            /**
             * Format: date-time
             * @description When to stop showing it, unless it comes again.
             */
            until: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user has read up to a message.
         * @example {
         *       "room_id": 7,
         *       "user_id": 12,
         *       "message_id": 42
         *     }
         */
        ReadEvent: {
            /** Format: int64 */
            room_id: number;
            /** Format: int64 */
            user_id: number;
            /** Format: int64 */
            message_id: number;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user reacted to a message, or took the reaction back.
         * @example {
         *       "room_id": 7,
         *       "message_id": 42,
         *       "user": {
         *         "id": 15,
         *         "username": "grace",
         *         "display_name": "Grace"
         *       },
         *       "emoji": "👍",
         *       "count": 2
         *     }
         */
        ReactionEvent: {
            /** Format: int64 */
            room_id: number;
            /** Format: int64 */
            message_id: number;
            user: components["schemas"]["UserRef"];
            emoji: string;
            /**
             * Format: int64
             * @description How many users have this reaction to the message after the change. Set the count to it; do not add to the
             *     count, because a replayed message may already include the change.
             */
            count: number;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user pinned or unpinned a message.
         * @example {
         *       "room_id": 7,
         *       "message_id": 42,
         *       "user": {
         *         "id": 12,
         *         "username": "ada",
         *         "display_name": "Ada"
         *       }
         *     }
         */
        PinEvent: {
            /** Format: int64 */
            room_id: number;
            /** Format: int64 */
            message_id: number;
            user: components["schemas"]["UserRef"];
        } & {
            [key: string]: unknown;
        };
        /**
         * @description A user was added to a contact list, or removed from it.
         * @example {
         *       "owner": {
         *         "id": 12,
         *         "username": "ada",
         *         "display_name": "Ada"
         *       },
         *       "user": {
         *         "id": 15,
         *         "username": "grace",
         *         "display_name": "Grace"
         *       }
         *     }
         */
        ContactEvent: {
            /** @description The owner of the list. */
            owner: components["schemas"]["UserRef"];
            /** @description The user on it. */
            user: components["schemas"]["UserRef"];
        } & {
            [key: string]: unknown;
        };
        /**
         * @description The stream's session has ended, and the stream ends with it.
         * @example {
         *       "session_id": "s_Qm4tXe81LpZr0BvK",
         *       "reason": "log_out"
         *     }
         */
        SessionRevoked: {
            session_id: string;
            /**
             * @description `log_out`, `refresh_token_reused`, `password_changed`, `too_many_sessions` or `account_deleted`; there may be more in the future.
             * @example log_out
             */
            reason: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description The server is about to stop.
         * @example {
         *       "reconnect_in_ms": 1830
         *     }
         */
        ServerClosing: {
            /**
             * Format: int64
             * @description When to reconnect, in milliseconds, randomized over the streams.
             */
            reconnect_in_ms: number;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description The cursor cannot be served. Read everything again through REST.
         * @example {
         *       "reason": "expired"
         *     }
         */
        Resync: {
            /** @description `expired`: older than what is kept. `unknown`: of another epoch, or not an id. There may be more in the future. */
            reason: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description There is no stream now.
         * @example {
         *       "reason": "stopping"
         *     }
         */
        Busy: {
            /**
             * @description `stopping` (this server is about to stop), `too_many_streams`, `rate_limited` or `unavailable`; there may be more in the future.
             * @example stopping
             */
            reason: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * @description An event, as `GET /v1/events/log` shows it. There may be events of other names in the future.
         * @example {
         *       "id": "k3f9-1042",
         *       "event": "message.created",
         *       "data": {
         *         "id": 42,
         *         "room_id": 7,
         *         "sender": {
         *           "id": 15,
         *           "username": "grace",
         *           "display_name": "Grace"
         *         },
         *         "type": "text",
         *         "text": "Tea at four?",
         *         "files": [],
         *         "reactions": [],
         *         "created_at": "2026-03-14T09:26:53.589Z"
         *       }
         *     }
         */
        PolledEvent: {
            /** @description Where the event is in the log. It can be used as `after`, and as `last_event_id` of the stream. */
            id: string;
            /** @description What happened. It decides which fields `data` has. */
            event: string;
            data: components["schemas"]["EventData"];
        } & {
            [key: string]: unknown;
        };
        /**
         * @description What an event tells: all fields of the kept events, each of which has those of one schema.
         *
         *     | event | has the fields of |
         *     |---|---|
         *     | `message.created`, `message.edited` | `Message` |
         *     | `message.deleted` | `MessageRef` |
         *     | `history.cleared` | `HistoryCleared` |
         *     | `room.created`, `room.updated` | `Room` |
         *     | `room.deleted` | `RoomGone` |
         *     | `member.joined`, `member.left`, `member.updated` | `MemberEvent` |
         *     | `member.banned` | `MemberBanned` |
         *     | `message.read` | `ReadEvent` |
         *     | `reaction.added`, `reaction.removed` | `ReactionEvent` |
         *     | `pin.added`, `pin.removed` | `PinEvent` |
         *     | `contact.added`, `contact.removed` | `ContactEvent` |
         *
         *     It is one object and no union, because many generators of clients refuse a whole page for one event that they do
         *     not know. A field has the same type in all events, and keeps it.
         */
        EventData: {
            /** Format: int64 */
            id?: number;
            /** Format: int64 */
            room_id?: number;
            subject?: string;
            sender?: components["schemas"]["UserRef"];
            type?: components["schemas"]["MessageType"];
            text?: string;
            files?: components["schemas"]["FileInfo"][];
            /** Format: int64 */
            reply_to?: number;
            reactions?: components["schemas"]["Reaction"][];
            client_id?: string;
            /** Format: date-time */
            created_at?: string;
            /** Format: date-time */
            edited_at?: string;
            /** Format: date-time */
            deleted_at?: string;
            /** Format: int64 */
            message_id?: number;
            /** Format: int64 */
            up_to_id?: number;
            handle?: string;
            name?: string;
            description?: string;
            kind?: components["schemas"]["RoomKind"];
            /** Format: int64 */
            owner_id?: number;
            /** Format: date-time */
            updated_at?: string;
            /** Format: date-time */
            active_at?: string;
            /** Format: int64 */
            member_count?: number;
            /** Format: int64 */
            message_count?: number;
            /** Format: int64 */
            last_message_id?: number;
            users?: components["schemas"]["UserRef"][];
            user?: components["schemas"]["UserRef"];
            role?: components["schemas"]["Role"];
            muted?: boolean;
            reason?: string;
            /** Format: date-time */
            until?: string;
            /** Format: int64 */
            user_id?: number;
            emoji?: string;
            /** Format: int64 */
            count?: number;
            owner?: components["schemas"]["UserRef"];
        } & {
            [key: string]: unknown;
        };
        /** @description The first event of every stream. */
        EventReady: {
            /** @description Absent before a `resync`. */
            id?: string;
            /** @enum {string} */
            event: "ready";
            data: components["schemas"]["Ready"];
        };
        /**
         * @description To members' streams that are in the room, and to the sender's.
         * @example {
         *       "id": "k3f9-1042",
         *       "event": "message.created",
         *       "data": {
         *         "id": 42,
         *         "room_id": 7,
         *         "sender": {
         *           "id": 15,
         *           "username": "grace",
         *           "display_name": "Grace"
         *         },
         *         "type": "text",
         *         "text": "Tea at four?",
         *         "files": [],
         *         "reactions": [],
         *         "client_id": "c-7f31",
         *         "created_at": "2026-03-14T09:26:53.589Z"
         *       }
         *     }
         */
        EventMessageCreated: {
            id: string;
            /** @enum {string} */
            event: "message.created";
            data: components["schemas"]["Message"];
        };
        /**
         * @description To members' streams that are not in the room; not for muted rooms or blocked senders.
         * @example {
         *       "id": "k3f9-1042",
         *       "event": "message.notification",
         *       "data": {
         *         "id": 42,
         *         "room_id": 7,
         *         "sender": {
         *           "id": 15,
         *           "username": "grace",
         *           "display_name": "Grace"
         *         },
         *         "type": "text",
         *         "text": "Tea at four?",
         *         "files": [],
         *         "reactions": [],
         *         "client_id": "c-7f31",
         *         "created_at": "2026-03-14T09:26:53.589Z"
         *       }
         *     }
         */
        EventMessageNotification: {
            id: string;
            /** @enum {string} */
            event: "message.notification";
            data: components["schemas"]["Message"];
        };
        /**
         * @description To members.
         * @example {
         *       "id": "k3f9-1043",
         *       "event": "message.edited",
         *       "data": {
         *         "id": 42,
         *         "room_id": 7,
         *         "sender": {
         *           "id": 15,
         *           "username": "grace",
         *           "display_name": "Grace"
         *         },
         *         "type": "text",
         *         "text": "Tea at five?",
         *         "files": [],
         *         "reactions": [],
         *         "client_id": "c-7f31",
         *         "created_at": "2026-03-14T09:26:53.589Z",
         *         "edited_at": "2026-03-14T09:27:10.204Z"
         *       }
         *     }
         */
        EventMessageEdited: {
            id: string;
            /** @enum {string} */
            event: "message.edited";
            data: components["schemas"]["Message"];
        };
        /** @description To members. */
        EventMessageDeleted: {
            id: string;
            /** @enum {string} */
            event: "message.deleted";
            data: components["schemas"]["MessageRef"];
        };
        /** @description To members. */
        EventHistoryCleared: {
            id: string;
            /** @enum {string} */
            event: "history.cleared";
            data: components["schemas"]["HistoryCleared"];
        };
        /**
         * @description To every client for a public room, to members for others.
         * @example {
         *       "id": "k3f9-977",
         *       "event": "room.created",
         *       "data": {
         *         "id": 7,
         *         "handle": "tea-house",
         *         "name": "Tea house",
         *         "kind": "public",
         *         "owner_id": 12,
         *         "created_at": "2026-02-01T12:00:00.000Z",
         *         "updated_at": "2026-02-01T12:00:00.000Z",
         *         "active_at": "2026-02-01T12:00:00.000Z",
         *         "member_count": 1,
         *         "message_count": 0,
         *         "last_message_id": 0
         *       }
         *     }
         */
        EventRoomCreated: {
            id: string;
            /** @enum {string} */
            event: "room.created";
            data: components["schemas"]["Room"];
        };
        /**
         * @description To members.
         * @example {
         *       "id": "k3f9-979",
         *       "event": "room.updated",
         *       "data": {
         *         "id": 7,
         *         "handle": "tea-house",
         *         "name": "Tea house",
         *         "description": "Leaves, pots and water.",
         *         "kind": "public",
         *         "owner_id": 12,
         *         "created_at": "2026-02-01T12:00:00.000Z",
         *         "updated_at": "2026-02-01T12:04:31.870Z",
         *         "active_at": "2026-02-01T12:00:00.000Z",
         *         "member_count": 1,
         *         "message_count": 0,
         *         "last_message_id": 0
         *       }
         *     }
         */
        EventRoomUpdated: {
            id: string;
            /** @enum {string} */
            event: "room.updated";
            data: components["schemas"]["Room"];
        };
        /** @description To every client for a public room, to members for others. */
        EventRoomDeleted: {
            id: string;
            /** @enum {string} */
            event: "room.deleted";
            data: components["schemas"]["RoomGone"];
        };
        /** @description To members, and to the user. */
        EventMemberJoined: {
            id: string;
            /** @enum {string} */
            event: "member.joined";
            data: components["schemas"]["MemberEvent"];
        };
        /** @description To members, and to the user, as the last event of the room. */
        EventMemberLeft: {
            id: string;
            /** @enum {string} */
            event: "member.left";
            data: components["schemas"]["MemberEvent"];
        };
        /** @description To members, and to the user. */
        EventMemberUpdated: {
            id: string;
            /** @enum {string} */
            event: "member.updated";
            data: components["schemas"]["MemberEvent"];
        };
        /** @description To members, and to the user, as the last event of the room. */
        EventMemberBanned: {
            id: string;
            /** @enum {string} */
            event: "member.banned";
            data: components["schemas"]["MemberBanned"];
        };
        /** @description To streams in the room. Not kept. */
        EventPresenceEntered: {
            /** @enum {string} */
            event: "presence.entered";
            data: components["schemas"]["PresenceEvent"];
        };
        /** @description To streams in the room. Not kept. */
        EventPresenceLeft: {
            /** @enum {string} */
            event: "presence.left";
            data: components["schemas"]["PresenceEvent"];
        };
        /** @description To users who have the user as a contact, or share a room that is not too large. Not kept. */
        EventUserOnline: {
            /** @enum {string} */
            event: "user.online";
            data: components["schemas"]["UserStatus"];
        };
        /** @description To users who have the user as a contact, or share a room that is not too large. Not kept. */
        EventUserOffline: {
            /** @enum {string} */
            event: "user.offline";
            data: components["schemas"]["UserStatus"];
        };
        /** @description To streams in the room. Not kept. */
        EventTyping: {
            /** @enum {string} */
            event: "typing";
            data: components["schemas"]["Typing"];
        };
        /** @description To members of a direct room, and to the reader's other streams. */
        EventMessageRead: {
            id: string;
            /** @enum {string} */
            event: "message.read";
            data: components["schemas"]["ReadEvent"];
        };
        /** @description To members. */
        EventReactionAdded: {
            id: string;
            /** @enum {string} */
            event: "reaction.added";
            data: components["schemas"]["ReactionEvent"];
        };
        /** @description To members. */
        EventReactionRemoved: {
            id: string;
            /** @enum {string} */
            event: "reaction.removed";
            data: components["schemas"]["ReactionEvent"];
        };
        /** @description To members. */
        EventPinAdded: {
            id: string;
            /** @enum {string} */
            event: "pin.added";
            data: components["schemas"]["PinEvent"];
        };
        /** @description To members. */
        EventPinRemoved: {
            id: string;
            /** @enum {string} */
            event: "pin.removed";
            data: components["schemas"]["PinEvent"];
        };
        /** @description To both users. */
        EventContactAdded: {
            id: string;
            /** @enum {string} */
            event: "contact.added";
            data: components["schemas"]["ContactEvent"];
        };
        /** @description To both users. */
        EventContactRemoved: {
            id: string;
            /** @enum {string} */
            event: "contact.removed";
            data: components["schemas"]["ContactEvent"];
        };
        /** @description To that session's streams, which then end. Not kept. */
        EventSessionRevoked: {
            /** @enum {string} */
            event: "session.revoked";
            data: components["schemas"]["SessionRevoked"];
        };
        /** @description To every stream, before an orderly stop. Not kept. */
        EventServerClosing: {
            /** @enum {string} */
            event: "server.closing";
            data: components["schemas"]["ServerClosing"];
        };
        /** @description To a stream whose cursor cannot be served, instead of the replay. Its id is the current cursor. */
        EventResync: {
            id: string;
            /** @enum {string} */
            event: "resync";
            data: components["schemas"]["Resync"];
        };
        /** @description Instead of a stream that cannot be opened now; then the response ends. Not kept. */
        EventBusy: {
            /** @enum {string} */
            event: "busy";
            data: components["schemas"]["Busy"];
        };
    };
    responses: {
        /**
         * @description Any other problem. On every route: `405 method_not_allowed` (with `Allow`), `406 not_acceptable`, `503
         *     unavailable` (with `Retry-After`), and `500 internal` for a defect of the server, whose log has the
         *     `request_id`.
         */
        Problem: {
            headers: {
                Allow: components["headers"]["Allow"];
                "Retry-After": components["headers"]["RetryLater"];
                "WWW-Authenticate": components["headers"]["WWWAuthenticate"];
                "Accept-Encoding": components["headers"]["AcceptEncoding"];
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unavailable`: the database does not respond, or the server is about to stop. */
        Unavailable: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description `invalid_request`: a field or parameter is missing, wrong or unknown; `errors` names each. `malformed_body`: the
         *     body is empty, is not valid JSON or MessagePack, or something follows it.
         */
        InvalidBody: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`: a parameter or header is missing or wrong; `errors` names each. */
        InvalidQuery: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description `unauthenticated`: there is no token, or it is not valid. `token_expired`: it has expired; refresh it.
         *     `session_revoked`: the session has ended; log in again.
         */
        Unauthenticated: {
            headers: {
                "WWW-Authenticate": components["headers"]["WWWAuthenticate"];
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `bad_credentials`: the username and password do not match, or the login code is not valid. */
        BadCredentials: {
            headers: {
                "WWW-Authenticate": components["headers"]["WWWAuthenticate"];
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`: the password is required and missing, or is not percent-encoded UTF-8. Nothing was done. */
        PasswordMissing: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `bad_credentials`: the current password is wrong. `unauthenticated`, `token_expired`, `session_revoked`: the access token is not valid. */
        PasswordRefused: {
            headers: {
                "WWW-Authenticate": components["headers"]["WWWAuthenticate"];
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the caller, or this server's settings, do not allow it. */
        Forbidden: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `banned`: the caller is banned from this room. */
        Banned: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `blocked`: one of the two users has blocked the other. */
        Blocked: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the caller is not a member of the room. `banned`: the caller is banned from it. */
        NotMember: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the caller's role in the room does not allow it. `banned`: the caller is banned from the room. */
        NotModerator: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the caller does not own the room. `banned`: the caller is banned from it. */
        NotOwner: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the message belongs to another user, and the caller's role in the room does not allow it. `banned`: the caller is banned from the room. */
        NotSender: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the caller's role does not allow it, or the user has left the room on their own. `banned`: the user, or the caller, is banned from the room. `blocked`: one of the two has blocked the other. */
        MemberRefused: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the caller is not a member of the room. `banned`: the caller is banned from it. `blocked`: one of the two users of a direct room has blocked the other. */
        SendRefused: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: there is no such user. */
        UserNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: no such provider is configured on this server. */
        ProviderNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unavailable`: the provider or the database does not respond. */
        ProviderUnavailable: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `username_taken`: the identity at the provider is linked with another account. */
        IdentityTaken: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the account has no password and no other identity, or it belongs to a product. */
        LastWayIn: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: there is no such room, or the caller may not know of it. */
        RoomNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: there is no such room or user, or the caller may not know of the room. */
        MemberNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: there is no such invite, or it was revoked. */
        InviteNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: there is no such room, or no such open stream of the caller. */
        StreamNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: there is no such room or message, or the caller may not know of the room. */
        MessageNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: there is no such channel or user, or the caller may not know of it. */
        TargetNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: there is no such file, or the caller may not read it. */
        FileNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: the caller has no such upload. */
        UploadNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `username_taken`: the username belongs to another user. `idempotency_mismatch`: the `Idempotency-Key` was used with another body. */
        UsernameTaken: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `handle_taken`: the handle belongs to another room. `idempotency_mismatch`: the `Idempotency-Key` was used with another body. */
        HandleTaken: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `idempotency_mismatch`: the `Idempotency-Key` was used with another body. */
        IdempotencyMismatch: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `upload_conflict`: the upload is not at `Upload-Offset`. Ask with `HEAD` and continue from there. */
        UploadConflict: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `expired`: it existed, and has expired. */
        Expired: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `expired`: the invite is used up or its time is over, its creator may no longer invite, or the caller has left the room since. */
        InviteExpired: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `expired`: the cursor is older than what is kept, of another epoch, or not an id. Read again through REST, and continue from its `Event-Cursor`. */
        CursorExpired: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`: `Tus-Resumable` is missing, or names a version that the server does not speak. */
        TusVersionRefused: {
            headers: {
                "Tus-Version": components["headers"]["TusVersion"];
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `precondition_failed`: `If-Match` does not name the object's `ETag`. Nothing was done. */
        PreconditionFailed: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `too_large`: the body is over 1 MB, or the file is over the server's limit. */
        TooLarge: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unsupported_media_type`: the route does not take a body of this `Content-Type`. */
        UnsupportedMediaType: {
            headers: {
                "Accept-Patch": components["headers"]["AcceptPatch"];
                "Accept-Encoding": components["headers"]["AcceptEncoding"];
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`: the range is outside the file; `Content-Range` has its size. */
        RangeNotSatisfiable: {
            headers: {
                "Content-Range": components["headers"]["ContentRange"];
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `bad_file`: the file is empty, or in a message of type `image` is not a readable picture. */
        BadFile: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `upload_conflict`: another request is writing to this upload. */
        UploadLocked: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `rate_limited`: too many requests. Try again after `Retry-After`. */
        RateLimited: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `upload_conflict`: the chunk does not match `Upload-Checksum` and was discarded. Send it again. */
        ChecksumMismatch: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /** @description A user's numeric id, `@username`, or `me` for the caller. */
        PathUser: string;
        /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
        PathRoom: string;
        /**
         * @description The message's number in its room.
         * @example 42
         */
        PathMessage: number;
        /**
         * @description A session's id, or `current` for the calling one.
         * @example current
         */
        PathSession: string;
        /**
         * @description A provider's `name` from `GET /v1/auth/providers`.
         * @example github
         */
        PathProvider: string;
        /**
         * @description An identity's `id` from `GET /v1/users/me/identities`.
         * @example 6QW2VZ4HTN3KRX5B
         */
        PathIdentity: string;
        /**
         * @description An invite's code.
         * @example Yk3vR8sLq2Wd
         */
        PathCode: string;
        /**
         * @description The `stream_id` of an open stream's `ready`.
         * @example st_5Vq0cXyR2mBn8LwZ
         */
        PathStream: string;
        /**
         * @description A file's id.
         * @example f_9Jx2mQwT4kVbRz7c
         */
        PathFile: string;
        /**
         * @description An upload's id, the last part of its `Location`.
         * @example u_0aPq7RtLm5XcVe1Y
         */
        PathUpload: string;
        /**
         * @description One emoji, which is one grapheme cluster of at most 64 bytes, percent-encoded in UTF-8. With and without U+FE0F it is the same; skin tones are different.
         * @example 👍
         */
        PathEmoji: string;
        /** @description The maximum number of items on the page. */
        Limit: number;
        /** @description The `next_cursor` of the previous page. Opaque. */
        Cursor: string;
        /**
         * @description The start of the username.
         * @example gr
         */
        UserPrefix: string;
        /**
         * @description The start of the handle or the name.
         * @example tea
         */
        RoomPrefix: string;
        /**
         * @description Only rooms about this subject.
         * @example advert-88213
         */
        Subject: string;
        /** @description The newest messages with a smaller number than this. No message needs to have this number any more; there are none before 0 or 1. */
        Before: number;
        /** @description The oldest messages with a larger number than this; 0 is from the beginning. No message needs to have this number any more. */
        After: number;
        /** @description The messages around this number, including it, as many on each side as exist and fit. No message needs to have this number any more; 0 is from the beginning. */
        Around: number;
        /**
         * @description The first messages sent at or after this time.
         * @example 2026-03-14T00:00:00.000Z
         */
        Since: string;
        /**
         * @description The last messages sent before this time.
         * @example 2026-03-15T00:00:00.000Z
         */
        Until: string;
        /**
         * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
         *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
         *     128 visible ASCII characters.
         * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
         */
        IdempotencyKey: string;
        /**
         * @description The account's password in percent-encoded UTF-8, as JavaScript's `encodeURIComponent` writes it: letters,
         *     digits, `-`, `.`, `_` and `~` stand for themselves, and each other byte is `%` and two hexadecimal digits. The
         *     password has at most 256 characters.
         */
        ParleyPassword: string;
        /** @description With `1`, pictures, audio and video also have the `Content-Disposition` `attachment`. */
        Download: number;
        /**
         * @description The requested bytes.
         * @example bytes=1048576-
         */
        Range: string;
        /** @description The `ETag` that `Range` was made for. If the file has another one now, the whole file is returned. */
        IfRange: string;
        /**
         * @description Does it only if the object still has this `ETag`, or one of several; `*` is any version. Otherwise the response is `412 precondition_failed`.
         * @example "b3sSmyp0kQ2VQ5hT"
         */
        IfMatch: string;
        /** @description The `ETag` of the client's copy. */
        IfNoneMatch: string;
        /**
         * @description Always `1.0.0`. Anything else, or no header, is `412` with `Tus-Version`.
         * @example 1.0.0
         */
        TusResumable: string;
    };
    requestBodies: never;
    headers: {
        /**
         * @description The id of the event for this change. Absent when nothing changed.
         * @example k3f9-1042
         */
        EventId: string;
        /**
         * @description Where to open the stream (`?last_event_id=`) to get every change made after this response.
         * @example k3f9-1042
         */
        EventCursor: string;
        /** @description `true` when this is the response to an earlier request with the same `Idempotency-Key`. Absent otherwise. */
        IdempotencyReplayed: string;
        /**
         * @description The address of what was created, or of the next page.
         * @example /v1/rooms/7
         */
        Location: string;
        /**
         * @description The number of seconds to wait before trying again.
         * @example 2
         */
        RetryAfter: number;
        /**
         * @description What is left, `r`, and in how many seconds it is full again, `t`.
         * @example "requests";r=5998;t=42
         */
        RateLimit: string;
        /**
         * @description The limits in force, `q` requests in `w` seconds.
         * @example "requests";q=6000;w=60
         */
        RateLimitPolicy: string;
        /**
         * @description Identifies the request in the server's log; the client's own `X-Request-Id`, if it sent a usable one.
         * @example 7bQm2c9Xw0Zt
         */
        RequestId: string;
        /**
         * @description The version of what `PATCH` changes in this object, for `If-Match`. It stays the same while counts, reactions or the time of the last visit change.
         * @example "b3sSmyp0kQ2VQ5hT"
         */
        VersionTag: string;
        /**
         * @description Always `Bearer`.
         * @example Bearer
         */
        WWWAuthenticate: string;
        /**
         * @description With `503` and `429`, the number of seconds to wait before trying again.
         * @example 2
         */
        RetryLater: number;
        /**
         * @description Removes the session's cookies from the browser.
         * @example parley_refresh=; Path=/v1/sessions; Max-Age=0; HttpOnly; SameSite=Strict
         */
        ClearCookies: string;
        /**
         * @description When the file was stored, as an HTTP date.
         * @example Sat, 14 Mar 2026 09:26:53 GMT
         */
        LastModified: string;
        /**
         * @description Which pages may embed the file.
         * @example same-site
         */
        ResourcePolicy: string;
        /**
         * @description On a `PATCH`, the media types that its body may have.
         * @example application/merge-patch+json, application/json, application/msgpack
         */
        AcceptPatch: string;
        /** @description When the body had a `Content-Encoding`, the only one there is. */
        AcceptEncoding: string;
        /**
         * @description The methods that the route supports.
         * @example GET, HEAD, OPTIONS
         */
        Allow: string;
        /**
         * @description A cookie, `HttpOnly` and `SameSite`, when the request asks for one.
         * @example parley_refresh=rt_2x…; Path=/v1/sessions; Max-Age=2592000; HttpOnly; SameSite=Strict
         */
        SetCookie: string;
        /**
         * @description A cookie, `HttpOnly` and `SameSite`, that identifies this browser for eleven minutes. It opens nothing.
         * @example parley_browser=4MRB2TQWZ7XK5LP3; Path=/v1; Max-Age=660; HttpOnly; SameSite=Lax
         */
        SetBrowserCookie: string;
        /**
         * @description Always `no-store`.
         * @example no-store
         */
        CacheControl: string;
        /**
         * @description A strong validator of the bytes, which never change under one id.
         * @example "9f86d081884c7d65"
         */
        ETag: string;
        /**
         * @description Always `bytes`.
         * @example bytes
         */
        AcceptRanges: string;
        /**
         * @description Which bytes these are and how many there are in total, or only the total.
         * @example bytes 1048576-2097151/73400320
         */
        ContentRange: string;
        /**
         * @description `inline` or `attachment`, and the file's name.
         * @example inline; filename="harbour.jpg"
         */
        ContentDisposition: string;
        /**
         * @description Always `sandbox`.
         * @example sandbox
         */
        ContentSecurityPolicy: string;
        /**
         * @description Always `nosniff`.
         * @example nosniff
         */
        ContentTypeOptions: string;
        /**
         * @description Always `1.0.0`.
         * @example 1.0.0
         */
        TusResumable: string;
        /**
         * @description The versions of the protocol that the server speaks.
         * @example 1.0.0
         */
        TusVersion: string;
        /**
         * @description The extensions that the server speaks.
         * @example creation,creation-with-upload,checksum,expiration,termination
         */
        TusExtension: string;
        /**
         * @description The largest upload in bytes.
         * @example 100000000
         */
        TusMaxSize: number;
        /**
         * @description The algorithms that `Upload-Checksum` may use.
         * @example sha1,sha256,sha512
         */
        TusChecksumAlgorithm: string;
        /**
         * @description How many bytes have arrived; the next chunk starts here.
         * @example 33554432
         */
        UploadOffset: number;
        /**
         * @description The size of the whole file in bytes.
         * @example 73400320
         */
        UploadLength: number;
        /**
         * @description The metadata that the upload was created with.
         * @example filename aGFyYm91ci5tcDQ=,filetype dmlkZW8vbXA0,room_id Nw==
         */
        UploadMetadata: string;
        /**
         * @description When the unfinished upload is removed if no more bytes arrive, as an HTTP date.
         * @example Sun, 15 Mar 2026 09:26:53 GMT
         */
        UploadExpires: string;
        /**
         * @description The id of the file that the upload has become. Only on a finished upload.
         * @example f_9Jx2mQwT4kVbRz7c
         */
        ParleyFileId: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    SearchUsers: {
        parameters: {
            query: {
                /**
                 * @description The start of the username.
                 * @example gr
                 */
                prefix: components["parameters"]["UserPrefix"];
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of users. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    SignUp: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description The account exists, and this is its first session. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Set-Cookie": components["headers"]["SetCookie"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["UsernameTaken"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    GetMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    DeleteMe: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Does it only if the object still has this `ETag`, or one of several; `*` is any version. Otherwise the response is `412 precondition_failed`.
                 * @example "b3sSmyp0kQ2VQ5hT"
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description The account's password in percent-encoded UTF-8, as JavaScript's `encodeURIComponent` writes it: letters,
                 *     digits, `-`, `.`, `_` and `~` stand for themselves, and each other byte is `%` and two hexadecimal digits. The
                 *     password has at most 256 characters.
                 */
                "Parley-Password"?: components["parameters"]["ParleyPassword"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account is gone. */
            204: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "Set-Cookie": components["headers"]["ClearCookies"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["PasswordMissing"];
            401: components["responses"]["PasswordRefused"];
            412: components["responses"]["PreconditionFailed"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    UpdateMe: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Does it only if the object still has this `ETag`, or one of several; `*` is any version. Otherwise the response is `412 precondition_failed`.
                 * @example "b3sSmyp0kQ2VQ5hT"
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProfileChange"];
            };
        };
        responses: {
            /** @description The changed profile. */
            200: {
                headers: {
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ChangePassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordChange"];
            };
        };
        responses: {
            /** @description The new password is set. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["PasswordRefused"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListIdentities: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The identities, the oldest first. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdentityList"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    DeleteIdentity: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An identity's `id` from `GET /v1/users/me/identities`.
                 * @example 6QW2VZ4HTN3KRX5B
                 */
                identity: components["parameters"]["PathIdentity"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The identity is unlinked. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["LastWayIn"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    GetUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    OpenDirectRoom: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The direct room. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 9,
                     *       "kind": "direct",
                     *       "created_at": "2026-02-03T18:30:00.000Z",
                     *       "updated_at": "2026-03-14T09:26:53.589Z",
                     *       "active_at": "2026-03-14T09:26:53.589Z",
                     *       "member_count": 2,
                     *       "message_count": 12,
                     *       "last_message_id": 12,
                     *       "users": [
                     *         {
                     *           "id": 12,
                     *           "username": "ada",
                     *           "display_name": "Ada"
                     *         },
                     *         {
                     *           "id": 15,
                     *           "username": "grace",
                     *           "display_name": "Grace"
                     *         }
                     *       ],
                     *       "membership": {
                     *         "role": "member",
                     *         "joined_at": "2026-02-03T18:30:00.000Z",
                     *         "last_read_id": 12,
                     *         "unread_count": 0,
                     *         "muted": false
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["Room"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Blocked"];
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListContacts: {
        parameters: {
            query?: {
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of contacts. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    AddContact: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The entry in the list. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Contact"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Blocked"];
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    RemoveContact: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user is not on the list. */
            204: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListBlocks: {
        parameters: {
            query?: {
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of blocked users. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    BlockUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The entry in the list. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Contact"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    UnblockUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user is not blocked. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListSessions: {
        parameters: {
            query?: {
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of sessions. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionInfoList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    LogIn: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description The session is open. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Set-Cookie": components["headers"]["SetCookie"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["BadCredentials"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["UsernameTaken"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    RefreshSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Refresh"];
            };
        };
        responses: {
            /** @description The session with its new tokens. */
            200: {
                headers: {
                    "Set-Cookie": components["headers"]["SetCookie"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    LogOut: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description A session's id, or `current` for the calling one.
                 * @example current
                 */
                session: components["parameters"]["PathSession"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session has ended. */
            204: {
                headers: {
                    "Set-Cookie": components["headers"]["ClearCookies"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListAuthProviders: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The providers. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthProviderList"];
                };
            };
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    BeginAuth: {
        parameters: {
            query?: {
                /**
                 * @description Where the browser goes at the end: a relative path on this server. A full URL, or a path that starts with
                 *     `//`, is `400 invalid_request`.
                 * @example /#/rooms/7
                 */
                redirect?: string;
            };
            header?: never;
            path: {
                /**
                 * @description A provider's `name` from `GET /v1/auth/providers`.
                 * @example github
                 */
                provider: components["parameters"]["PathProvider"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where to go, for a client whose `Accept` asks for `application/json` and not for a page. */
            200: {
                headers: {
                    "Set-Cookie": components["headers"]["SetBrowserCookie"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthBeginning"];
                };
            };
            /** @description To the provider. */
            303: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Set-Cookie": components["headers"]["SetBrowserCookie"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["ProviderNotFound"];
            429: components["responses"]["RateLimited"];
            503: components["responses"]["ProviderUnavailable"];
            default: components["responses"]["Problem"];
        };
    };
    FinishAuth: {
        parameters: {
            query?: {
                /**
                 * @description The provider's authorization code.
                 * @example SplxlOBeZQQYbYS6WxSbIA
                 */
                code?: string;
                /**
                 * @description The state that the log-in began with.
                 * @example 4MRB2TQWZ7XK5LP3
                 */
                state?: string;
                /** @description The provider's reason, when it refuses. */
                error?: string;
            };
            header?: never;
            path: {
                /**
                 * @description A provider's `name` from `GET /v1/auth/providers`.
                 * @example github
                 */
                provider: components["parameters"]["PathProvider"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To the path that the log-in began with: with `#login_code=…`; without it, when an account was linked; with `#login_error=…` when it failed. */
            303: {
                headers: {
                    Location: components["headers"]["Location"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["BadCredentials"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["ProviderNotFound"];
            409: components["responses"]["IdentityTaken"];
            410: components["responses"]["Expired"];
            429: components["responses"]["RateLimited"];
            503: components["responses"]["ProviderUnavailable"];
            default: components["responses"]["Problem"];
        };
    };
    ListRooms: {
        parameters: {
            query?: {
                /**
                 * @description Only rooms about this subject.
                 * @example advert-88213
                 */
                subject?: components["parameters"]["Subject"];
                /**
                 * @description Only rooms in which something changed at or after this time, including their messages, pins, reactions and members.
                 * @example 2026-03-14T00:00:00.000Z
                 */
                since?: string;
                /** @description With `true`, only rooms with unread messages. */
                unread?: boolean;
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of rooms. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    CreateRoom: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRoom"];
            };
        };
        responses: {
            /** @description The room, as its owner sees it. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Event-Id": components["headers"]["EventId"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            409: components["responses"]["HandleTaken"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    SearchRooms: {
        parameters: {
            query?: {
                /**
                 * @description The start of the handle or the name.
                 * @example tea
                 */
                prefix?: components["parameters"]["RoomPrefix"];
                /**
                 * @description Only rooms about this subject.
                 * @example advert-88213
                 */
                subject?: components["parameters"]["Subject"];
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of public rooms. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    GetRoom: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Banned"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    DeleteRoom: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Does it only if the object still has this `ETag`, or one of several; `*` is any version. Otherwise the response is `412 precondition_failed`.
                 * @example "b3sSmyp0kQ2VQ5hT"
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room is deleted. */
            204: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            404: components["responses"]["RoomNotFound"];
            412: components["responses"]["PreconditionFailed"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    UpdateRoom: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Does it only if the object still has this `ETag`, or one of several; `*` is any version. Otherwise the response is `412 precondition_failed`.
                 * @example "b3sSmyp0kQ2VQ5hT"
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RoomChange"];
            };
        };
        responses: {
            /** @description The changed room. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["RoomNotFound"];
            409: components["responses"]["HandleTaken"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListMembers: {
        parameters: {
            query?: {
                /** @description With `true`, only those who are in the room now. */
                present?: boolean;
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of members. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MemberList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Banned"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    JoinRoom: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room, with the caller's `membership`. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Banned"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    LeaveRoom: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller is not a member. */
            204: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Banned"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    UpdateMembership: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MembershipChange"];
            };
        };
        responses: {
            /** @description The changed membership. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Membership"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotMember"];
            404: components["responses"]["RoomNotFound"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    PutMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RoleChange"];
            };
        };
        responses: {
            /** @description The member. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["MemberRefused"];
            404: components["responses"]["MemberNotFound"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    RemoveMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user is not a member. */
            204: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["MemberNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListBans: {
        parameters: {
            query?: {
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of bans. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BanList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    BanUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewBan"];
            };
        };
        responses: {
            /** @description The ban. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ban"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["MemberNotFound"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    UnbanUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /** @description A user's numeric id, `@username`, or `me` for the caller. */
                user: components["parameters"]["PathUser"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user is not banned. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["MemberNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListInvites: {
        parameters: {
            query?: {
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of invites. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InviteList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    CreateInvite: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewInvite"];
            };
        };
        responses: {
            /** @description The invite. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invite"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["RoomNotFound"];
            409: components["responses"]["IdempotencyMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    RevokeInvite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description An invite's code.
                 * @example Yk3vR8sLq2Wd
                 */
                code: components["parameters"]["PathCode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The code does not work. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    RedeemInvite: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description An invite's code.
                 * @example Yk3vR8sLq2Wd
                 */
                code: components["parameters"]["PathCode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room, with the caller's `membership`. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Banned"];
            404: components["responses"]["InviteNotFound"];
            410: components["responses"]["InviteExpired"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    EnterRoom: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The `stream_id` of an open stream's `ready`.
                 * @example st_5Vq0cXyR2mBn8LwZ
                 */
                stream: components["parameters"]["PathStream"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream is in the room. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotMember"];
            404: components["responses"]["StreamNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ExitRoom: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The `stream_id` of an open stream's `ready`.
                 * @example st_5Vq0cXyR2mBn8LwZ
                 */
                stream: components["parameters"]["PathStream"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream is not in the room. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotMember"];
            404: components["responses"]["StreamNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    MarkRead: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReadMark"];
            };
        };
        responses: {
            /** @description The membership with the new mark and `unread_count`. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Membership"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotMember"];
            404: components["responses"]["RoomNotFound"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    StartTyping: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Streams in the room get the event, unless too many users are present. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["SendRefused"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListMessages: {
        parameters: {
            query?: {
                /** @description The newest messages with a smaller number than this. No message needs to have this number any more; there are none before 0 or 1. */
                before?: components["parameters"]["Before"];
                /** @description The oldest messages with a larger number than this; 0 is from the beginning. No message needs to have this number any more. */
                after?: components["parameters"]["After"];
                /** @description The messages around this number, including it, as many on each side as exist and fit. No message needs to have this number any more; 0 is from the beginning. */
                around?: components["parameters"]["Around"];
                /**
                 * @description The first messages sent at or after this time.
                 * @example 2026-03-14T00:00:00.000Z
                 */
                since?: components["parameters"]["Since"];
                /**
                 * @description The last messages sent before this time.
                 * @example 2026-03-15T00:00:00.000Z
                 */
                until?: components["parameters"]["Until"];
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of messages. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Banned"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    SendMessage: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewMessage"];
            };
        };
        responses: {
            /** @description The message, with its number in the room. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Event-Id": components["headers"]["EventId"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["SendRefused"];
            404: components["responses"]["RoomNotFound"];
            409: components["responses"]["IdempotencyMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["BadFile"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ClearHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The history is empty. */
            204: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    SendMessageForm: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["MessageForm"];
            };
        };
        responses: {
            /** @description The message, with its number in the room. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Event-Id": components["headers"]["EventId"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["SendRefused"];
            404: components["responses"]["RoomNotFound"];
            409: components["responses"]["IdempotencyMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["BadFile"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    SearchMessages: {
        parameters: {
            query?: {
                /**
                 * @description The start of the message's text.
                 * @example Tea at
                 */
                prefix?: string;
                /**
                 * @description Words in the text, or their starts.
                 * @example four tea
                 */
                q?: string;
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of messages. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Banned"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    SearchAllMessages: {
        parameters: {
            query: {
                /**
                 * @description Words in the text, or their starts.
                 * @example four tea
                 */
                q: string;
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of messages. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    GetMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The message. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Banned"];
            404: components["responses"]["MessageNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    DeleteMessage: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Does it only if the object still has this `ETag`, or one of several; `*` is any version. Otherwise the response is `412 precondition_failed`.
                 * @example "b3sSmyp0kQ2VQ5hT"
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The message is deleted. */
            204: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotSender"];
            404: components["responses"]["MessageNotFound"];
            412: components["responses"]["PreconditionFailed"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    EditMessage: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Does it only if the object still has this `ETag`, or one of several; `*` is any version. Otherwise the response is `412 precondition_failed`.
                 * @example "b3sSmyp0kQ2VQ5hT"
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MessageEdit"];
            };
        };
        responses: {
            /** @description The edited message. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotSender"];
            404: components["responses"]["MessageNotFound"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    AddReaction: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
                /**
                 * @description One emoji, which is one grapheme cluster of at most 64 bytes, percent-encoded in UTF-8. With and without U+FE0F it is the same; skin tones are different.
                 * @example 👍
                 */
                emoji: components["parameters"]["PathEmoji"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The message with its reactions. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["SendRefused"];
            404: components["responses"]["MessageNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    RemoveReaction: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
                /**
                 * @description One emoji, which is one grapheme cluster of at most 64 bytes, percent-encoded in UTF-8. With and without U+FE0F it is the same; skin tones are different.
                 * @example 👍
                 */
                emoji: components["parameters"]["PathEmoji"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller has no such reaction on the message. */
            204: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["SendRefused"];
            404: components["responses"]["MessageNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListPins: {
        parameters: {
            query?: {
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of pins. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PinList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Banned"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    PinMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The pin. */
            200: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pin"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["MessageNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    UnpinMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
                /**
                 * @description The message's number in its room.
                 * @example 42
                 */
                message: components["parameters"]["PathMessage"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The message is not pinned. */
            204: {
                headers: {
                    "Event-Id": components["headers"]["EventId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotModerator"];
            404: components["responses"]["MessageNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    SendToTarget: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TargetedMessage"];
            };
        };
        responses: {
            /** @description The message, with the room that it was sent to. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Event-Id": components["headers"]["EventId"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    ETag: components["headers"]["VersionTag"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["SendRefused"];
            404: components["responses"]["TargetNotFound"];
            409: components["responses"]["IdempotencyMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    UploadFile: {
        parameters: {
            query?: {
                /**
                 * @description The file's name, for a raw body. A path in it is removed. The default is `file`.
                 * @example harbour.jpg
                 */
                name?: string;
            };
            header?: {
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /** @description A room's numeric id, or its handle as `%23handle` (`#handle`, escaped). */
                room: components["parameters"]["PathRoom"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["FileForm"];
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description The file's metadata. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileInfo"];
                };
            };
            400: components["responses"]["InvalidBody"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["SendRefused"];
            404: components["responses"]["RoomNotFound"];
            409: components["responses"]["IdempotencyMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["BadFile"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    GetFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description A file's id.
                 * @example f_9Jx2mQwT4kVbRz7c
                 */
                file: components["parameters"]["PathFile"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metadata. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileInfo"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["FileNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    GetFileContent: {
        parameters: {
            query?: {
                /** @description With `1`, pictures, audio and video also have the `Content-Disposition` `attachment`. */
                download?: components["parameters"]["Download"];
            };
            header?: {
                /**
                 * @description The requested bytes.
                 * @example bytes=1048576-
                 */
                Range?: components["parameters"]["Range"];
                /** @description The `ETag` that `Range` was made for. If the file has another one now, the whole file is returned. */
                "If-Range"?: components["parameters"]["IfRange"];
                /** @description The `ETag` of the client's copy. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description A file's id.
                 * @example f_9Jx2mQwT4kVbRz7c
                 */
                file: components["parameters"]["PathFile"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The whole file. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    "X-Content-Type-Options": components["headers"]["ContentTypeOptions"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The part of the file that `Range` asks for. */
            206: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Range": components["headers"]["ContentRange"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    "X-Content-Type-Options": components["headers"]["ContentTypeOptions"];
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The client's copy is current. */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["FileNotFound"];
            416: components["responses"]["RangeNotSatisfiable"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    HeadFileContent: {
        parameters: {
            query?: {
                /** @description With `1`, pictures, audio and video also have the `Content-Disposition` `attachment`. */
                download?: components["parameters"]["Download"];
            };
            header?: {
                /**
                 * @description The requested bytes.
                 * @example bytes=1048576-
                 */
                Range?: components["parameters"]["Range"];
                /** @description The `ETag` that `Range` was made for. If the file has another one now, the whole file is returned. */
                "If-Range"?: components["parameters"]["IfRange"];
                /** @description The `ETag` of the client's copy. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description A file's id.
                 * @example f_9Jx2mQwT4kVbRz7c
                 */
                file: components["parameters"]["PathFile"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The headers of the whole file; `Content-Length` is its size in bytes. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    "X-Content-Type-Options": components["headers"]["ContentTypeOptions"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The headers of the part that `Range` asks for. */
            206: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Range": components["headers"]["ContentRange"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    "X-Content-Type-Options": components["headers"]["ContentTypeOptions"];
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The client's copy is current. */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no token, or it is not valid. */
            401: {
                headers: {
                    "WWW-Authenticate": components["headers"]["WWWAuthenticate"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The file does not exist, or the caller may not read it. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The range is outside the file. */
            416: {
                headers: {
                    "Content-Range": components["headers"]["ContentRange"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other problem. */
            default: {
                headers: {
                    Allow: components["headers"]["Allow"];
                    "Retry-After": components["headers"]["RetryLater"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    GetThumbnail: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of the client's copy. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description A file's id.
                 * @example f_9Jx2mQwT4kVbRz7c
                 */
                file: components["parameters"]["PathFile"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The small picture. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    "X-Content-Type-Options": components["headers"]["ContentTypeOptions"];
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": string;
                    "image/png": string;
                };
            };
            /** @description The client's copy is current. */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "Cross-Origin-Resource-Policy": components["headers"]["ResourcePolicy"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["FileNotFound"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    CreateUpload: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description Always `1.0.0`. Anything else, or no header, is `412` with `Tus-Version`.
                 * @example 1.0.0
                 */
                "Tus-Resumable": components["parameters"]["TusResumable"];
                /**
                 * @description The size of the whole file in bytes. If it exceeds `Tus-Max-Size`, the response is `413 too_large`.
                 * @example 73400320
                 */
                "Upload-Length": number;
                /**
                 * @description The keys `filename`, `filetype` and `room_id` with their values in Base64, separated by commas.
                 * @example filename aGFyYm91ci5tcDQ=,filetype dmlkZW8vbXA0,room_id Nw==
                 */
                "Upload-Metadata": string;
                /**
                 * @description The algorithm and the Base64 digest of this request's body, when it has one.
                 * @example sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=
                 */
                "Upload-Checksum"?: string;
                /**
                 * @description Makes the request safe to repeat for 24 hours: the same key, caller and path returns what the first call
                 *     returned, and creates nothing. Without a token, the caller is the client that knows the secret in the body. 1 to
                 *     128 visible ASCII characters.
                 * @example 5d2c3c0e-8a43-4a52-9f62-0d0f7f1c6b11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The first bytes of the file, or nothing. */
        requestBody?: {
            content: {
                "application/offset+octet-stream": string;
            };
        };
        responses: {
            /** @description The upload exists; send its bytes to `Location`. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Tus-Resumable": components["headers"]["TusResumable"];
                    "Upload-Offset": components["headers"]["UploadOffset"];
                    "Upload-Expires": components["headers"]["UploadExpires"];
                    "Parley-File-Id": components["headers"]["ParleyFileId"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["SendRefused"];
            404: components["responses"]["RoomNotFound"];
            409: components["responses"]["IdempotencyMismatch"];
            412: components["responses"]["TusVersionRefused"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["RateLimited"];
            460: components["responses"]["ChecksumMismatch"];
            default: components["responses"]["Problem"];
        };
    };
    GetUploadOptions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the server supports. */
            204: {
                headers: {
                    Allow: components["headers"]["Allow"];
                    "Tus-Resumable": components["headers"]["TusResumable"];
                    "Tus-Version": components["headers"]["TusVersion"];
                    "Tus-Extension": components["headers"]["TusExtension"];
                    "Tus-Max-Size": components["headers"]["TusMaxSize"];
                    "Tus-Checksum-Algorithm": components["headers"]["TusChecksumAlgorithm"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    DeleteUpload: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description Always `1.0.0`. Anything else, or no header, is `412` with `Tus-Version`.
                 * @example 1.0.0
                 */
                "Tus-Resumable": components["parameters"]["TusResumable"];
            };
            path: {
                /**
                 * @description An upload's id, the last part of its `Location`.
                 * @example u_0aPq7RtLm5XcVe1Y
                 */
                upload: components["parameters"]["PathUpload"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The upload is removed. */
            204: {
                headers: {
                    "Tus-Resumable": components["headers"]["TusResumable"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            412: components["responses"]["TusVersionRefused"];
            423: components["responses"]["UploadLocked"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    GetOneUploadOptions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An upload's id, the last part of its `Location`.
                 * @example u_0aPq7RtLm5XcVe1Y
                 */
                upload: components["parameters"]["PathUpload"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the server supports. */
            204: {
                headers: {
                    Allow: components["headers"]["Allow"];
                    "Tus-Resumable": components["headers"]["TusResumable"];
                    "Tus-Version": components["headers"]["TusVersion"];
                    "Tus-Extension": components["headers"]["TusExtension"];
                    "Tus-Max-Size": components["headers"]["TusMaxSize"];
                    "Tus-Checksum-Algorithm": components["headers"]["TusChecksumAlgorithm"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    HeadUpload: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description Always `1.0.0`. Anything else, or no header, is `412` with `Tus-Version`.
                 * @example 1.0.0
                 */
                "Tus-Resumable": components["parameters"]["TusResumable"];
            };
            path: {
                /**
                 * @description An upload's id, the last part of its `Location`.
                 * @example u_0aPq7RtLm5XcVe1Y
                 */
                upload: components["parameters"]["PathUpload"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many bytes have arrived. */
            200: {
                headers: {
                    "Tus-Resumable": components["headers"]["TusResumable"];
                    "Upload-Offset": components["headers"]["UploadOffset"];
                    "Upload-Length": components["headers"]["UploadLength"];
                    "Upload-Metadata": components["headers"]["UploadMetadata"];
                    "Upload-Expires": components["headers"]["UploadExpires"];
                    "Parley-File-Id": components["headers"]["ParleyFileId"];
                    "Cache-Control": components["headers"]["CacheControl"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no token, or it is not valid. */
            401: {
                headers: {
                    "WWW-Authenticate": components["headers"]["WWWAuthenticate"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The upload does not exist, or belongs to another user. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The upload has expired or was terminated. */
            410: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The server does not speak this tus version. */
            412: {
                headers: {
                    "Tus-Version": components["headers"]["TusVersion"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Any other problem. */
            default: {
                headers: {
                    Allow: components["headers"]["Allow"];
                    "Retry-After": components["headers"]["RetryLater"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    PatchUpload: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description Always `1.0.0`. Anything else, or no header, is `412` with `Tus-Version`.
                 * @example 1.0.0
                 */
                "Tus-Resumable": components["parameters"]["TusResumable"];
                /**
                 * @description The position in bytes at which the body starts.
                 * @example 33554432
                 */
                "Upload-Offset": number;
                /**
                 * @description The algorithm and the Base64 digest of the body.
                 * @example sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=
                 */
                "Upload-Checksum"?: string;
            };
            path: {
                /**
                 * @description An upload's id, the last part of its `Location`.
                 * @example u_0aPq7RtLm5XcVe1Y
                 */
                upload: components["parameters"]["PathUpload"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/offset+octet-stream": string;
            };
        };
        responses: {
            /** @description The bytes are stored. */
            204: {
                headers: {
                    "Tus-Resumable": components["headers"]["TusResumable"];
                    "Upload-Offset": components["headers"]["UploadOffset"];
                    "Upload-Expires": components["headers"]["UploadExpires"];
                    "Parley-File-Id": components["headers"]["ParleyFileId"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["SendRefused"];
            404: components["responses"]["UploadNotFound"];
            409: components["responses"]["UploadConflict"];
            410: components["responses"]["Expired"];
            412: components["responses"]["TusVersionRefused"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            423: components["responses"]["UploadLocked"];
            429: components["responses"]["RateLimited"];
            460: components["responses"]["ChecksumMismatch"];
            default: components["responses"]["Problem"];
        };
    };
    StreamEvents: {
        parameters: {
            query?: {
                /**
                 * @description The same as `Last-Event-ID`, for a first connection: a browser cannot send the header then.
                 * @example k3f9-1041
                 */
                last_event_id?: string;
                /**
                 * @description The same, as polyfills of `EventSource` send it when they reconnect.
                 * @example k3f9-1041
                 */
                lastEventId?: string;
                /**
                 * @description A room that the stream is in from the start, by its numeric id. May be repeated.
                 * @example [
                 *       7,
                 *       9
                 *     ]
                 */
                room?: number[];
                /**
                 * @deprecated
                 * @description Only with `Accept: application/json`. Use it in `GET /v1/events/log` instead.
                 * @example k3f9-1041
                 */
                after?: string;
                /**
                 * @deprecated
                 * @description Only with `Accept: application/json`. Use it in `GET /v1/events/log` instead.
                 */
                limit?: number;
            };
            header?: {
                /**
                 * @description The last id that the client received. The stream continues after it.
                 * @example k3f9-1041
                 */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /**
             * @description The stream, which stays open; or the event `busy`, and the end. It has `X-Accel-Buffering: no` and
             *     `Cache-Control: no-store`. The schemas of its events are those below whose names begin with `Event`, such as
             *     `EventMessageCreated`.
             */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["CacheControl"];
                    /**
                     * @description Only with `busy`. The minimum time to wait, in seconds.
                     * @example 1
                     */
                    "Retry-After"?: number;
                    /** @description Always `no` on a stream, so that proxies forward each event at once. */
                    "X-Accel-Buffering"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    ListEvents: {
        parameters: {
            query?: {
                /**
                 * @description The cursor or event id after which the list starts. Without it, or with 0, the list starts with the oldest event that is kept.
                 * @example k3f9-1041
                 */
                after?: string;
                /** @description The maximum number of items on the page. */
                limit?: components["parameters"]["Limit"];
                /** @description The `next_cursor` of the previous page. Opaque. */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of events. */
            200: {
                headers: {
                    "Event-Cursor": components["headers"]["EventCursor"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventList"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            401: components["responses"]["Unauthenticated"];
            410: components["responses"]["CursorExpired"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    CreateEventsCookie: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cookie is set. */
            204: {
                headers: {
                    "Set-Cookie": components["headers"]["SetCookie"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            429: components["responses"]["RateLimited"];
            default: components["responses"]["Problem"];
        };
    };
    Healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alive. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            default: components["responses"]["Problem"];
        };
    };
    Readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ready. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            400: components["responses"]["InvalidQuery"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Problem"];
        };
    };
    Metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metrics. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example # HELP parley_streams Event streams that are open on this node.
                     *     # TYPE parley_streams gauge
                     *     parley_streams 312
                     */
                    "text/plain": string;
                };
            };
            400: components["responses"]["InvalidQuery"];
            default: components["responses"]["Problem"];
        };
    };
}
