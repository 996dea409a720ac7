// The API objects that the client uses, for the type checker only. This file is not served.
export interface UserRef {
  id: number;
  username: string;
  display_name: string;
}
export interface User extends UserRef {
  description?: string;
  guest: boolean;
  online: boolean;
  last_seen_at?: string;
  created_at: string;
}
export interface Membership {
  role: 'owner' | 'moderator' | 'member';
  joined_at: string;
  last_read_id: number;
  unread_count: number;
  muted: boolean;
}
export interface Room {
  id: number;
  handle?: string;
  name?: string;
  description?: string;
  kind: 'public' | 'private' | 'direct';
  subject?: string;
  owner_id?: number;
  created_at: string;
  updated_at: string;
  active_at?: string;
  member_count: number;
  message_count: number;
  last_message_id: number;
  users?: UserRef[];
  membership?: Membership;
}
export interface Member {
  user: User;
  role: Membership['role'];
  joined_at: string;
  present: boolean;
}
export interface Reaction {
  emoji: string;
  count: number;
  me?: boolean;
}
export interface FileInfo {
  id: string;
  room_id: number;
  name: string;
  media_type: string;
  size: number;
  sha256: string;
  width?: number;
  height?: number;
  url: string;
  thumbnail_url?: string;
  created_at: string;
}
export interface Message {
  id: number;
  room_id: number;
  sender: UserRef;
  type: 'text' | 'sticker' | 'image' | 'file';
  text?: string;
  files: FileInfo[];
  reply_to?: number;
  reactions: Reaction[];
  client_id?: string;
  created_at: string;
  edited_at?: string;
  deleted_at?: string;
}
export interface Pin {
  message: Message;
  pinned_by: UserRef;
  pinned_at: string;
}
export interface Invite {
  code: string;
  room_id: number;
  expires_at?: string;
  max_uses?: number;
  uses: number;
}
export interface Ban {
  user: User;
  reason?: string;
  until?: string;
  banned_by?: UserRef;
  created_at: string;
}
export interface Session {
  access_token: string;
  token_type: string;
  expires_in: number;
  session_id: string;
  user: User;
}
export interface Identity {
  id: string;
  provider: string;
  issuer: string;
  subject: string;
  created_at: string;
}
export interface SessionInfo {
  id: string;
  created_at: string;
  last_used_at: string;
  user_agent: string;
  ip: string;
  current: boolean;
}
/** The children of an element. */
export type Child = Node | string | number | false | null | undefined | Child[];
/** An upload of a file. */
export interface Upload {
  file: File;
  room: number;
  sent: number;
  state: 'waiting' | 'sending' | 'done' | 'failed' | 'stopped';
  error?: string;
  id?: string;
  info?: FileInfo;
  url?: string;
  preview?: string;
}
/** A message that the server has not acknowledged. */
export interface Unsent {
  client_id: string;
  room: number;
  text: string;
  reply_to?: number;
  uploads: Upload[];
  file_ids?: string[];
  at: string;
  state: 'pending' | 'failed';
  error?: string;
}
