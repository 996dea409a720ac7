-- +goose Up

-- Names are found by ranges of their folded form, which only the order of the bytes makes right for every language.
ALTER TABLE users ALTER COLUMN username_key TYPE TEXT COLLATE "C";
ALTER TABLE rooms ALTER COLUMN handle_key TYPE TEXT COLLATE "C";

-- NULL: not folded yet (a public room from before this migration).
ALTER TABLE rooms ADD COLUMN name_key TEXT COLLATE "C";
CREATE INDEX rooms_by_name ON rooms (name_key, id) WHERE kind = 'public';
CREATE INDEX rooms_by_subject ON rooms (subject) WHERE subject <> '';
CREATE INDEX rooms_to_index ON rooms (id) WHERE kind = 'public' AND name_key IS NULL;

-- text_start is the folded start of a message's text. NULL: not indexed yet, neither by its start nor by its words.
-- words are folded and split before they come here, and each begins with "room_id/": what is looked for in one room
-- costs nothing for what is said in others.
ALTER TABLE messages ADD COLUMN text_start TEXT COLLATE "C", ADD COLUMN words TSVECTOR;
CREATE INDEX messages_by_start ON messages (room_id, text_start, id) WHERE deleted_at = 0;
-- A list of what is not sorted into this index yet (fastupdate) would be read whole by every search; writing is hardly
-- slower without one.
CREATE INDEX messages_by_words ON messages USING gin (words) WITH (fastupdate = off) WHERE deleted_at = 0;
CREATE INDEX messages_to_index ON messages (room_id, id) WHERE text_start IS NULL;

-- +goose StatementBegin
CREATE FUNCTION forget_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.text_start := '';
    NEW.words := '';
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER messages_entombed BEFORE UPDATE OF deleted_at ON messages
    FOR EACH ROW WHEN (NEW.deleted_at <> 0) EXECUTE FUNCTION forget_words();

-- +goose Down
DROP TRIGGER messages_entombed ON messages;
DROP FUNCTION forget_words;
DROP INDEX messages_to_index;
DROP INDEX messages_by_words;
DROP INDEX messages_by_start;
ALTER TABLE messages DROP COLUMN words, DROP COLUMN text_start;
DROP INDEX rooms_to_index;
DROP INDEX rooms_by_subject;
DROP INDEX rooms_by_name;
ALTER TABLE rooms DROP COLUMN name_key;
ALTER TABLE rooms ALTER COLUMN handle_key TYPE TEXT COLLATE "default";
ALTER TABLE users ALTER COLUMN username_key TYPE TEXT COLLATE "default";
