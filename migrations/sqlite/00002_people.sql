-- +goose Up

CREATE TABLE contacts (
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    contact_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    added_at   BIGINT NOT NULL,
    PRIMARY KEY (user_id, contact_id)
);
CREATE INDEX contacts_by_contact ON contacts (contact_id);

-- direct_key is that of the direct room of the two (rooms.direct_key), so that one look-up tells whether it is closed.
CREATE TABLE blocks (
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    direct_key TEXT   NOT NULL,
    added_at   BIGINT NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
);
CREATE INDEX blocks_by_direct_key ON blocks (direct_key);
CREATE INDEX blocks_by_blocked ON blocks (blocked_id);

-- What a user gets no notifications of, from where to where in the log: a muted room (sender_id is 0) or a blocked sender
-- (room_id is 0). to_position is 0 while it lasts. A stream that comes back is told what it would have been told live.
CREATE TABLE silences (
    user_id       BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    room_id       BIGINT NOT NULL,
    sender_id     BIGINT NOT NULL,
    from_position BIGINT NOT NULL,
    to_position   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, room_id, sender_id, from_position)
);
CREATE INDEX silences_by_room ON silences (room_id, to_position);
CREATE INDEX silences_by_end ON silences (to_position);

-- expires_at and max_uses are 0 for no bound. Spent and expired invites stay with their room: who comes with one is told
-- that it has run out, not that it never was.
CREATE TABLE invites (
    code       TEXT   NOT NULL PRIMARY KEY,
    room_id    BIGINT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    max_uses   BIGINT NOT NULL,
    uses       BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX invites_by_room ON invites (room_id, created_at, code);

-- +goose Down
DROP TABLE invites;
DROP TABLE silences;
DROP TABLE blocks;
DROP TABLE contacts;
