// The types of the element <parley-room>.

import type { Message, Options, Parley, RoomData, User } from './sdk.js';

/** The texts of the element in English. Names in braces, such as `{room}`, are filled in. */
export interface Texts {
  [name: string]: string;
}

export class ParleyRoom extends HTMLElement {
  /** The address of the server. By default, of the one that `embed.js` comes from. */
  get server(): string;
  set server(value: string);
  /** A room by its id or handle, or `@username` for the direct room with a user. */
  room: string;
  /** Where the session of a guest is kept: see `connect` in the SDK. */
  session: 'cookie' | 'storage';
  /** An access token for a user of your own, or a function that returns one. Without it, visitors enter as guests. */
  get token(): string | NonNullable<Options['token']> | null;
  set token(value: string | NonNullable<Options['token']> | null | undefined);
  /** Texts that replace those of the element. */
  get texts(): Texts;
  set texts(value: Texts | null | undefined);
  /** The client of the SDK, which elements of the same server and user share; null until the element is in the page. */
  readonly client: Parley | null;
}

export interface ParleyRoomError {
  /** Of the contract, or `unreachable`, `origin`, `policy`, `token`, `unsent`, `removed`, `no_room`, `no_server`. */
  code: string;
  /** What the element shows. */
  message: string;
  error?: unknown;
}

declare global {
  interface HTMLElementTagNameMap {
    'parley-room': ParleyRoom;
  }
  interface HTMLElementEventMap {
    /** The room is open. */
    'parley-ready': CustomEvent<{ room: RoomData; user: User }>;
    /** A new message, of any user. */
    'parley-message': CustomEvent<Message>;
    'parley-error': CustomEvent<ParleyRoomError>;
  }
}
