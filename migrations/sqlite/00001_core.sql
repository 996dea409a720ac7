-- +goose Up

-- What this database is: its epoch (the first part of every event id) and the secret that signs access tokens.
CREATE TABLE instance (
    id           SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch        TEXT     NOT NULL,
    token_secret TEXT     NOT NULL,
    -- Where the database lived at the last start. Another place means that it was restored or moved: a new epoch.
    origin       TEXT     NOT NULL,
    created_at   BIGINT   NOT NULL
);

-- Times are Unix milliseconds, in UTC.
CREATE TABLE users (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    username      TEXT    NOT NULL,
    username_key  TEXT    NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    description   TEXT    NOT NULL DEFAULT '',
    guest         BOOLEAN NOT NULL,
    password_hash TEXT    NOT NULL DEFAULT '',
    created_at    BIGINT  NOT NULL,
    last_seen_at  BIGINT  NOT NULL DEFAULT 0
);

CREATE TABLE sessions (
    id           TEXT   NOT NULL PRIMARY KEY,
    user_id      BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_agent   TEXT   NOT NULL,
    ip           TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Spent tokens stay as long as their session, so that a stolen one is known when it comes back.
CREATE TABLE refresh_tokens (
    hash       TEXT   NOT NULL PRIMARY KEY,
    session_id TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    spent_at   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE rooms (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    handle          TEXT   NOT NULL DEFAULT '',
    handle_key      TEXT   UNIQUE,
    name            TEXT   NOT NULL DEFAULT '',
    description     TEXT   NOT NULL DEFAULT '',
    kind            TEXT   NOT NULL,
    subject         TEXT   NOT NULL DEFAULT '',
    owner_id        BIGINT NOT NULL DEFAULT 0,
    -- "lower id:higher id" of the two users of a direct room: it is made once, even when both start at the same moment.
    direct_key      TEXT   UNIQUE,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    active_at       BIGINT NOT NULL,
    member_count    BIGINT NOT NULL DEFAULT 0,
    message_count   BIGINT NOT NULL DEFAULT 0,
    last_message_id BIGINT NOT NULL DEFAULT 0,
    last_message_at BIGINT NOT NULL DEFAULT 0,
    cleared_id      BIGINT NOT NULL DEFAULT 0
);

-- seen_count is how many of the room's undeleted messages are not unread to the member: those up to last_read_id, and
-- the member's own after it. unread_count is message_count - seen_count, so that a message costs one row here (the
-- sender's) and not one for each member.
CREATE TABLE memberships (
    room_id         BIGINT  NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id         BIGINT  NOT NULL REFERENCES users (id),
    role            TEXT    NOT NULL,
    joined_at       BIGINT  NOT NULL,
    joined_position BIGINT  NOT NULL,
    last_read_id    BIGINT  NOT NULL,
    seen_count      BIGINT  NOT NULL,
    muted           BOOLEAN NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id, room_id);

-- Who was a member from where to where in the log: what a stream that comes back may still see.
CREATE TABLE past_memberships (
    room_id         BIGINT NOT NULL,
    user_id         BIGINT NOT NULL,
    joined_position BIGINT NOT NULL,
    left_position   BIGINT NOT NULL,
    PRIMARY KEY (user_id, room_id, left_position)
);
CREATE INDEX past_memberships_by_end ON past_memberships (left_position);

CREATE TABLE bans (
    room_id    BIGINT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    reason     TEXT   NOT NULL DEFAULT '',
    until      BIGINT NOT NULL DEFAULT 0,
    banned_by  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

-- No foreign keys: a message is only ever written under the lock of its room, and goes with it (message_sweeps).
CREATE TABLE messages (
    room_id    BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    sender_id  BIGINT NOT NULL,
    type       TEXT   NOT NULL,
    text       TEXT   NOT NULL,
    reply_to   BIGINT NOT NULL DEFAULT 0,
    client_id  TEXT   NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    edited_at  BIGINT NOT NULL DEFAULT 0,
    deleted_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (room_id, id)
);
CREATE INDEX messages_by_time ON messages (room_id, created_at, id);

-- Messages that nobody can see any more, deleted in small bites: those of room_id up to up_to_id.
CREATE TABLE message_sweeps (
    room_id  BIGINT NOT NULL PRIMARY KEY,
    up_to_id BIGINT NOT NULL
);

-- The log. Its row in event_head is locked by each transaction that appends, last of all locks, until it commits:
-- positions are without gaps, and in the order of the commits.
CREATE TABLE event_head (
    id       SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    position BIGINT   NOT NULL,
    pruned   BIGINT   NOT NULL
);
INSERT INTO event_head (id, position, pruned) VALUES (1, 0, 0);

CREATE TABLE events (
    position   INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    everyone   BOOLEAN NOT NULL,
    room_id    BIGINT  NOT NULL,
    user_id    BIGINT  NOT NULL,
    peer_id    BIGINT  NOT NULL,
    session_id TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    created_at BIGINT  NOT NULL
);

CREATE TABLE idempotency_keys (
    caller_id   BIGINT NOT NULL,
    path        TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    answer      TEXT   NOT NULL DEFAULT '',
    position    BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (caller_id, path, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- +goose Down
DROP TABLE idempotency_keys;
DROP TABLE events;
DROP TABLE event_head;
DROP TABLE message_sweeps;
DROP TABLE messages;
DROP TABLE bans;
DROP TABLE past_memberships;
DROP TABLE memberships;
DROP TABLE rooms;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE instance;
