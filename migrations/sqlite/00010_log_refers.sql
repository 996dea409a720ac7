-- +goose Up

-- What is freed below is overwritten: texts of messages that are deleted by now must not stay in the file.
PRAGMA secure_delete = ON;

-- A row of the log that tells of a message, or a kept answer that is one, refers to it by room_id and message_id and has no
-- copy of it: what was deleted is told to nobody again. message_id is 0 for all others.
ALTER TABLE events ADD COLUMN message_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE idempotency_keys ADD COLUMN room_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE idempotency_keys ADD COLUMN message_id BIGINT NOT NULL DEFAULT 0;

UPDATE events SET message_id = data ->> '$.id', data = '' WHERE name IN ('message.created', 'message.edited');
UPDATE idempotency_keys SET room_id = answer ->> '$.room_id', message_id = answer ->> '$.id', answer = ''
WHERE json_valid(answer) AND json_type(answer, '$.sender') = 'object' AND path LIKE '%/messages';

PRAGMA secure_delete = OFF;

-- +goose Down

-- The version before this one reads copies. They are of the messages as they are now; what is gone gets a tombstone.
CREATE TEMPORARY TABLE copies (room_id BIGINT, message_id BIGINT, data TEXT, PRIMARY KEY (room_id, message_id));
INSERT INTO copies
SELECT m.room_id, m.id, json_patch('{}', json_object(
    'id', m.id, 'room_id', m.room_id, 'subject', nullif(r.subject, ''),
    'sender', json_object('id', m.sender_id, 'username', COALESCE(u.username, 'deleted'),
        'display_name', COALESCE(u.display_name, 'Deleted account')),
    'type', m.type, 'text', nullif(m.text, ''),
    'files', json((SELECT json_group_array(json_patch('{}', json_object(
        'id', f.id, 'room_id', f.room_id, 'name', f.name, 'media_type', f.media_type, 'size', f.size, 'sha256', f.sha256,
        'width', nullif(f.width, 0), 'height', nullif(f.height, 0), 'url', '/v1/files/' || f.id || '/content',
        'thumbnail_url', CASE WHEN f.thumbnail <> '' THEN '/v1/files/' || f.id || '/thumbnail' END,
        'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', f.created_at / 1000.0, 'unixepoch')))) FROM (
            SELECT id, room_id, name, media_type, size, sha256, width, height, thumbnail, created_at FROM files
            WHERE room_id = m.room_id AND message_id = m.id ORDER BY place) AS f)),
    'reply_to', nullif(m.reply_to, 0),
    'reactions', json((SELECT json_group_array(json_object('emoji', x.emoji, 'count', x.n)) FROM (
        SELECT emoji, count(*) AS n FROM reactions WHERE room_id = m.room_id AND message_id = m.id
        GROUP BY emoji ORDER BY min(created_at), emoji) AS x)),
    'client_id', nullif(m.client_id, ''),
    'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at / 1000.0, 'unixepoch'),
    'edited_at', CASE WHEN m.edited_at > 0 THEN strftime('%Y-%m-%dT%H:%M:%fZ', m.edited_at / 1000.0, 'unixepoch') END,
    'deleted_at', CASE WHEN m.deleted_at > 0 THEN strftime('%Y-%m-%dT%H:%M:%fZ', m.deleted_at / 1000.0, 'unixepoch') END))
FROM (SELECT room_id, message_id FROM events WHERE message_id > 0
    UNION SELECT room_id, message_id FROM idempotency_keys WHERE message_id > 0) AS told
JOIN messages m ON m.room_id = told.room_id AND m.id = told.message_id
JOIN rooms r ON r.id = m.room_id AND m.id > r.cleared_id LEFT JOIN users u ON u.id = m.sender_id;

UPDATE events SET data = COALESCE(
    (SELECT c.data FROM copies c WHERE c.room_id = events.room_id AND c.message_id = events.message_id),
    json_object('id', message_id, 'room_id', room_id,
        'sender', json_object('id', user_id, 'username', 'deleted', 'display_name', 'Deleted account'),
        'type', 'text', 'files', json('[]'), 'reactions', json('[]'),
        'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch'),
        'deleted_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch')))
WHERE message_id > 0;
UPDATE idempotency_keys SET answer = COALESCE(
    (SELECT c.data FROM copies c WHERE c.room_id = idempotency_keys.room_id AND c.message_id = idempotency_keys.message_id),
    json_object('id', message_id, 'room_id', room_id,
        'sender', json_object('id', caller_id, 'username', 'deleted', 'display_name', 'Deleted account'),
        'type', 'text', 'files', json('[]'), 'reactions', json('[]'),
        'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch'),
        'deleted_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch')))
WHERE message_id > 0;
DROP TABLE copies;
ALTER TABLE idempotency_keys DROP COLUMN message_id;
ALTER TABLE idempotency_keys DROP COLUMN room_id;
ALTER TABLE events DROP COLUMN message_id;
