// The API objects that the client uses, for the type checker only: those of the contract. This file is not served.
import type { components } from '../../../sdk/sdk';

type Schemas = components['schemas'];
export type UserRef = Schemas['UserRef'];
export type User = Schemas['User'];
export type Membership = Schemas['Membership'];
export type Room = Schemas['Room'];
export type Member = Schemas['Member'];
export type FileInfo = Schemas['FileInfo'];
export type Message = Schemas['Message'];
export type Pin = Schemas['Pin'];
export type Invite = Schemas['Invite'];
export type Ban = Schemas['Ban'];
export type Session = Schemas['Session'];
export type Identity = Schemas['Identity'];
export type SessionInfo = Schemas['SessionInfo'];
/** The children of an element. */
export type Child = Node | string | number | false | null | undefined | Child[];
export type { Upload } from '../../../sdk/src/upload.js';
/** A message that the server has not acknowledged. */
export type Unsent = import('../../../sdk/src/outbox.js').Outbox['all'][number];
