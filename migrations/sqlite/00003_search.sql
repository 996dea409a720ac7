-- +goose Up

-- Names are found by ranges of their folded form. NULL: not folded yet (a public room from before this migration).
ALTER TABLE rooms ADD COLUMN name_key TEXT;
CREATE INDEX rooms_by_name ON rooms (name_key, id) WHERE kind = 'public';
CREATE INDEX rooms_by_subject ON rooms (subject) WHERE subject <> '';
CREATE INDEX rooms_to_index ON rooms (id) WHERE kind = 'public' AND name_key IS NULL;

-- The folded start of a message's text. NULL: not indexed yet, neither by its start nor by its words.
ALTER TABLE messages ADD COLUMN text_start TEXT;
CREATE INDEX messages_by_start ON messages (room_id, text_start, id) WHERE deleted_at = 0;
CREATE INDEX messages_to_index ON messages (room_id, id) WHERE text_start IS NULL;

-- The words of each message, folded and split before they come here: the tokenizer only cuts at spaces. A row's number
-- is room_id << 32 | id, so that the messages of a room are one range of it, in their order. (The numbers that SQLite
-- gives to the rows of messages would not do: VACUUM changes them.)
CREATE VIRTUAL TABLE message_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);

-- +goose StatementBegin
CREATE TRIGGER messages_forgotten AFTER DELETE ON messages BEGIN
    DELETE FROM message_words WHERE rowid = (old.room_id << 32) | old.id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER messages_entombed AFTER UPDATE OF deleted_at ON messages WHEN new.deleted_at <> 0 BEGIN
    DELETE FROM message_words WHERE rowid = (new.room_id << 32) | new.id;
    UPDATE messages SET text_start = '' WHERE room_id = new.room_id AND id = new.id;
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER messages_entombed;
DROP TRIGGER messages_forgotten;
DROP TABLE message_words;
DROP INDEX messages_to_index;
DROP INDEX messages_by_start;
ALTER TABLE messages DROP COLUMN text_start;
DROP INDEX rooms_to_index;
DROP INDEX rooms_by_subject;
DROP INDEX rooms_by_name;
ALTER TABLE rooms DROP COLUMN name_key;
