-- +goose Up

-- Words are indexed behind the commit of a message, from the log: position is the last event whose message is in the
-- index. All messages from before this migration are.
CREATE TABLE word_index (
    id       SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    position BIGINT   NOT NULL
);
INSERT INTO word_index (id, position) SELECT 1, position FROM event_head;

-- +goose Down
-- The version before this one indexes what has no version again.
UPDATE messages SET index_version = 0 WHERE deleted_at = 0 AND EXISTS (SELECT 1 FROM events e, word_index w
    WHERE e.position > w.position AND e.room_id = messages.room_id AND e.message_id = messages.id
    AND e.name = 'message.created');
DROP TABLE word_index;
