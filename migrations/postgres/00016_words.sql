-- +goose Up

-- The version of the rules by which a message is indexed, by its start and by its words. 0: those of schema 3 to 15.
ALTER TABLE messages ADD COLUMN index_version SMALLINT NOT NULL DEFAULT 0;
CREATE INDEX messages_to_reindex ON messages (room_id, id) WHERE index_version < 1 AND deleted_at = 0;

-- A server of the previous version edits messages by its own rules.
-- +goose StatementBegin
CREATE FUNCTION reindex_edited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.index_version := 0;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER messages_edited BEFORE UPDATE OF text ON messages FOR EACH ROW
    WHEN (NEW.deleted_at = 0) EXECUTE FUNCTION reindex_edited();

-- Names with letters beyond ASCII are folded anew.
UPDATE rooms SET name_key = NULL WHERE kind = 'public' AND name_key ~ '[^ -~]';

-- +goose Down
DROP TRIGGER messages_edited ON messages;
DROP FUNCTION reindex_edited;
DROP INDEX messages_to_reindex;
UPDATE messages SET text_start = NULL, words = NULL WHERE deleted_at = 0;
ALTER TABLE messages DROP COLUMN index_version;
