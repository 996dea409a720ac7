-- +goose Up

-- When the member left a direct room, which they stay a member of: 0 while it is in their list. The next message, or their
-- own return, sets it back.
ALTER TABLE memberships ADD COLUMN left_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX memberships_left ON memberships (room_id) WHERE left_at <> 0;

-- Who has blocked a user, and had at a place in the log.
CREATE INDEX silences_by_sender ON silences (sender_id, from_position) WHERE sender_id <> 0;

-- +goose Down
DROP INDEX silences_by_sender;
DROP INDEX memberships_left;
ALTER TABLE memberships DROP COLUMN left_at;
