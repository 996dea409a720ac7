-- +goose Up

-- If the index on messages.words is to be dropped below, the lock for that comes first: whoever locks more of a table
-- than it has locked already can end up in a deadlock with a send of the previous version.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM messages WHERE words IS NOT NULL) THEN
        LOCK TABLE messages IN ACCESS EXCLUSIVE MODE;
    END IF;
END $$;
-- +goose StatementEnd

-- Words are indexed behind the commit of a message, from the log: position is the last event whose message is in the
-- index. All messages from before this migration are. column_words: some of those have their words in the column
-- messages.words, where the version before this one kept them. They stay there, since to move ten million rows would
-- take very long, and searches ask both indexes.
CREATE TABLE word_index (
    id           SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    position     BIGINT   NOT NULL,
    column_words BOOLEAN  NOT NULL
);

-- The words of messages, a row of its own for each, so that the message's row is written once. It has what a search
-- filters and sorts by: words of a common kind are found in very many messages.
CREATE TABLE message_words (
    room_id    BIGINT   NOT NULL,
    id         BIGINT   NOT NULL,
    sender_id  BIGINT   NOT NULL,
    created_at BIGINT   NOT NULL,
    words      TSVECTOR NOT NULL,
    PRIMARY KEY (room_id, id)
);
-- What is not sorted into the index yet is read whole by each search, so there may only be 256 kB of it: about as many
-- messages. Sorting them in together takes a quarter of the time in a large room.
CREATE INDEX message_words_by_word ON message_words USING gin (words)
    WITH (fastupdate = on, gin_pending_list_limit = 256);

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION forget_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM message_words WHERE room_id = NEW.room_id AND id = NEW.id;
    NEW.text_start := '';
    NEW.words := NULL;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION forget_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM message_words w USING deleted d WHERE w.room_id = d.room_id AND w.id = d.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION take_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO message_words (room_id, id, sender_id, created_at, words)
    VALUES (NEW.room_id, NEW.id, NEW.sender_id, NEW.created_at, NEW.words)
    ON CONFLICT (room_id, id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER messages_forgotten AFTER DELETE ON messages REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION forget_deleted();

-- A server of the previous version writes the words of an edited message into the column.
CREATE TRIGGER messages_words_taken AFTER UPDATE OF words ON messages FOR EACH ROW
    WHEN (NEW.words IS NOT NULL AND NEW.deleted_at = 0) EXECUTE FUNCTION take_words();

-- Now, since the triggers keep servers of the previous version from writing messages until this is committed.
INSERT INTO word_index (id, position, column_words)
SELECT 1, position, EXISTS (SELECT 1 FROM messages WHERE words IS NOT NULL) FROM event_head;

-- An index of nothing costs each new message an entry all the same.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT (SELECT column_words FROM word_index) THEN
        DROP INDEX messages_by_words;
    END IF;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER messages_words_taken ON messages;
DROP TRIGGER messages_forgotten ON messages;
DROP FUNCTION take_words;
DROP FUNCTION forget_deleted;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION forget_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.text_start := '';
    NEW.words := '';
    RETURN NEW;
END $$;
-- +goose StatementEnd
UPDATE messages m SET words = w.words FROM message_words w WHERE w.room_id = m.room_id AND w.id = m.id;
-- The version before this one indexes what has no version again.
UPDATE messages m SET index_version = 0 FROM events e, word_index w
WHERE m.deleted_at = 0 AND e.position > w.position AND e.room_id = m.room_id AND e.message_id = m.id
    AND e.name = 'message.created';
CREATE INDEX IF NOT EXISTS messages_by_words ON messages USING gin (words) WITH (fastupdate = off) WHERE deleted_at = 0;
DROP TABLE message_words;
DROP TABLE word_index;
