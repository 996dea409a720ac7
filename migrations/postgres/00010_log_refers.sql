-- +goose Up

-- A row of the log that tells of a message, or a kept answer that is one, refers to it by room_id and message_id and has no
-- copy of it: what was deleted is told to nobody again. message_id is 0 for all others.
ALTER TABLE events ADD COLUMN message_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE idempotency_keys ADD COLUMN room_id BIGINT NOT NULL DEFAULT 0, ADD COLUMN message_id BIGINT NOT NULL DEFAULT 0;

UPDATE events SET message_id = (data::json ->> 'id')::bigint, data = '' WHERE name IN ('message.created', 'message.edited');
UPDATE idempotency_keys SET room_id = (answer::json ->> 'room_id')::bigint, message_id = (answer::json ->> 'id')::bigint, answer = ''
WHERE path LIKE '%/messages' AND answer LIKE '{%"sender":{%';

-- +goose Down

-- The version before this one reads copies. They are of the messages as they are now; what is gone gets a tombstone.
CREATE FUNCTION pg_temp.instant(ms bigint) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN ms > 0 THEN to_char(to_timestamp(ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END $$;
CREATE FUNCTION pg_temp.stone(room bigint, message bigint, sender bigint, at bigint) RETURNS text LANGUAGE sql AS $$
    SELECT json_build_object('id', message, 'room_id', room,
        'sender', json_build_object('id', sender, 'username', 'deleted', 'display_name', 'Deleted account'),
        'type', 'text', 'files', json_build_array(), 'reactions', json_build_array(),
        'created_at', pg_temp.instant(at), 'deleted_at', pg_temp.instant(at))::text $$;
CREATE TEMPORARY TABLE copies ON COMMIT DROP AS
SELECT m.room_id, m.id AS message_id, json_strip_nulls(json_build_object(
    'id', m.id, 'room_id', m.room_id, 'subject', nullif(r.subject, ''),
    'sender', json_build_object('id', m.sender_id, 'username', COALESCE(u.username, 'deleted'),
        'display_name', COALESCE(u.display_name, 'Deleted account')),
    'type', m.type, 'text', nullif(m.text, ''),
    'files', COALESCE((SELECT json_agg(json_build_object(
        'id', f.id, 'room_id', f.room_id, 'name', f.name, 'media_type', f.media_type, 'size', f.size, 'sha256', f.sha256,
        'width', nullif(f.width, 0), 'height', nullif(f.height, 0), 'url', '/v1/files/' || f.id || '/content',
        'thumbnail_url', CASE WHEN f.thumbnail <> '' THEN '/v1/files/' || f.id || '/thumbnail' END,
        'created_at', pg_temp.instant(f.created_at)) ORDER BY f.place)
        FROM files f WHERE f.room_id = m.room_id AND f.message_id = m.id), json_build_array()),
    'reply_to', nullif(m.reply_to, 0),
    'reactions', COALESCE((SELECT json_agg(json_build_object('emoji', x.emoji, 'count', x.n) ORDER BY x.first, x.emoji) FROM (
        SELECT emoji, count(*) AS n, min(created_at) AS first FROM reactions
        WHERE room_id = m.room_id AND message_id = m.id GROUP BY emoji) AS x), json_build_array()),
    'client_id', nullif(m.client_id, ''), 'created_at', pg_temp.instant(m.created_at),
    'edited_at', pg_temp.instant(m.edited_at), 'deleted_at', pg_temp.instant(m.deleted_at)))::text AS data
FROM (SELECT room_id, message_id FROM events WHERE message_id > 0
    UNION SELECT room_id, message_id FROM idempotency_keys WHERE message_id > 0) AS told
JOIN messages m ON m.room_id = told.room_id AND m.id = told.message_id
JOIN rooms r ON r.id = m.room_id AND m.id > r.cleared_id LEFT JOIN users u ON u.id = m.sender_id;
CREATE INDEX ON copies (room_id, message_id);

UPDATE events e SET data = COALESCE(
    (SELECT c.data FROM copies c WHERE c.room_id = e.room_id AND c.message_id = e.message_id),
    pg_temp.stone(e.room_id, e.message_id, e.user_id, e.created_at))
WHERE message_id > 0;
UPDATE idempotency_keys k SET answer = COALESCE(
    (SELECT c.data FROM copies c WHERE c.room_id = k.room_id AND c.message_id = k.message_id),
    pg_temp.stone(k.room_id, k.message_id, k.caller_id, k.created_at))
WHERE message_id > 0;
ALTER TABLE idempotency_keys DROP COLUMN message_id, DROP COLUMN room_id;
ALTER TABLE events DROP COLUMN message_id;
