-- +goose Up

-- No foreign keys, as with messages: written under the lock of the room, removed with the message or by message_sweeps.
CREATE TABLE reactions (
    room_id    BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    emoji      TEXT   NOT NULL,
    user_id    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (room_id, message_id, emoji, user_id)
);
CREATE INDEX reactions_by_user ON reactions (user_id, room_id, message_id);

CREATE TABLE pins (
    room_id    BIGINT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    message_id BIGINT NOT NULL,
    pinned_by  BIGINT NOT NULL,
    pinned_at  BIGINT NOT NULL,
    PRIMARY KEY (room_id, message_id)
);
CREATE INDEX pins_by_time ON pins (room_id, pinned_at, message_id);

-- Users who have deleted their account, until their reactions are gone and their messages are tombstones.
CREATE TABLE departures (
    user_id      BIGINT NOT NULL PRIMARY KEY,
    username     TEXT   NOT NULL,
    display_name TEXT   NOT NULL
);
CREATE INDEX messages_by_sender ON messages (sender_id, room_id, id) WHERE deleted_at = 0;
CREATE INDEX guests ON users (id) WHERE guest;

-- +goose Down
DROP INDEX guests;
DROP INDEX messages_by_sender;
DROP TABLE departures;
DROP TABLE pins;
DROP TABLE reactions;
