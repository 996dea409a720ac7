-- +goose Up

-- The version of the rules by which a message is indexed, by its start and by its words. 0: those of schema 3 to 15.
ALTER TABLE messages ADD COLUMN index_version INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_to_reindex ON messages (room_id, id) WHERE index_version < 1 AND deleted_at = 0;

-- Names with letters beyond ASCII are folded anew.
UPDATE rooms SET name_key = NULL WHERE kind = 'public' AND name_key GLOB '*[^ -~]*';

-- +goose Down
DROP INDEX messages_to_reindex;
UPDATE messages SET text_start = NULL WHERE deleted_at = 0;
ALTER TABLE messages DROP COLUMN index_version;
