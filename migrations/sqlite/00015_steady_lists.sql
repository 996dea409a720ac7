-- +goose Up

-- Lists stay in the order in which they were when they began, whatever moves meanwhile (models/store/as_of.go).

-- active_at of a room is the time of its newest message, or of its making. active_position is that message's event, 0 for
-- one from before this migration. named_at is when handle, name or description last changed, 0 for never.
ALTER TABLE rooms ADD COLUMN active_position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN named_at BIGINT NOT NULL DEFAULT 0;

-- Of a message's event: active_position and active_at of its room before it.
ALTER TABLE events ADD COLUMN prior_position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN prior_active_at BIGINT NOT NULL DEFAULT 0;

-- What a user (username_key) or a room (handle_key, name_key) was found by until a change of names, numbered in the order
-- of the commits: the row in event_head counts them.
ALTER TABLE event_head ADD COLUMN renames BIGINT NOT NULL DEFAULT 0;
CREATE TABLE renames (
    seq        BIGINT NOT NULL PRIMARY KEY,
    user_id    BIGINT NOT NULL DEFAULT 0,
    room_id    BIGINT NOT NULL DEFAULT 0,
    handle_key TEXT,
    name_key   TEXT NOT NULL DEFAULT '',
    renamed_at BIGINT NOT NULL
);
CREATE INDEX renames_by_age ON renames (renamed_at);
CREATE INDEX renames_of_user ON renames (user_id, seq) WHERE user_id <> 0;
CREATE INDEX renames_of_room ON renames (room_id, seq) WHERE room_id <> 0;

-- Lists of members, contacts and blocks go by user, and those of pins by message: all by their primary keys.
DROP INDEX pins_by_time;

-- +goose Down
CREATE INDEX pins_by_time ON pins (room_id, pinned_at, message_id);
DROP TABLE renames;
ALTER TABLE event_head DROP COLUMN renames;
ALTER TABLE events DROP COLUMN prior_active_at;
ALTER TABLE events DROP COLUMN prior_position;
ALTER TABLE rooms DROP COLUMN named_at;
ALTER TABLE rooms DROP COLUMN active_position;
