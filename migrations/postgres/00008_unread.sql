-- +goose Up

-- The number of the message among those of its sender in its room, deleted ones included. It counts on when somebody comes
-- back to a room (models/store/unread.go says what for).
ALTER TABLE messages ADD COLUMN sender_seq BIGINT NOT NULL DEFAULT 0;
UPDATE messages SET sender_seq = n.seq
FROM (SELECT room_id, id, row_number() OVER (PARTITION BY room_id, sender_id ORDER BY id) AS seq FROM messages) AS n
WHERE messages.room_id = n.room_id AND messages.id = n.id;
CREATE INDEX messages_deleted ON messages (room_id, id, sender_id) WHERE deleted_at <> 0;

-- How many deleted messages there are in each run of 256 ids (level 0; chunk is id >> 8) and of 65,536 (level 1; id >> 16):
-- those of one sender, and under sender_id 0 those of all. Written by deletions alone.
CREATE TABLE deletion_tallies (
    room_id   BIGINT   NOT NULL,
    sender_id BIGINT   NOT NULL,
    level     SMALLINT NOT NULL,
    chunk     BIGINT   NOT NULL,
    count     BIGINT   NOT NULL,
    PRIMARY KEY (room_id, sender_id, level, chunk)
);
CREATE INDEX deletion_tallies_by_chunk ON deletion_tallies (room_id, level, chunk);
INSERT INTO deletion_tallies (room_id, sender_id, level, chunk, count)
SELECT m.room_id, CASE WHEN t.everybody THEN 0 ELSE m.sender_id END, t.level, m.id >> t.bits, count(*)
FROM messages m JOIN rooms r ON r.id = m.room_id AND m.id > r.cleared_id
CROSS JOIN (SELECT 0 AS level, 8 AS bits, true AS everybody UNION ALL SELECT 0, 8, false
    UNION ALL SELECT 1, 16, true UNION ALL SELECT 1, 16, false) AS t
WHERE m.deleted_at <> 0 GROUP BY 1, 2, 3, 4;

-- The newest message that was deleted.
ALTER TABLE rooms ADD COLUMN last_deleted_id BIGINT NOT NULL DEFAULT 0;
UPDATE rooms SET last_deleted_id = COALESCE((SELECT max(m.id) FROM messages m
    WHERE m.room_id = rooms.id AND m.deleted_at <> 0), 0);

-- sent_count is the sender_seq of the member's newest message. own_count is how many of the member's own messages after
-- own_after are not deleted. own_after is where the member has read up to, or where the room was cleared up to if that is
-- later; if it is before that, the member has sent nothing since.
ALTER TABLE memberships ADD COLUMN sent_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memberships ADD COLUMN own_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memberships ADD COLUMN own_after BIGINT NOT NULL DEFAULT 0;
UPDATE memberships SET sent_count = n.sent
FROM (SELECT room_id, sender_id, max(sender_seq) AS sent FROM messages GROUP BY room_id, sender_id) AS n
WHERE n.room_id = memberships.room_id AND n.sender_id = memberships.user_id;
UPDATE memberships SET own_after = CASE WHEN last_read_id > r.cleared_id THEN last_read_id ELSE r.cleared_id END
FROM rooms r WHERE r.id = memberships.room_id;
UPDATE memberships SET own_count = n.own
FROM (SELECT b.room_id, b.user_id, count(*) AS own
    FROM memberships b JOIN messages m ON m.room_id = b.room_id AND m.sender_id = b.user_id AND m.id > b.own_after
    WHERE m.deleted_at = 0 GROUP BY b.room_id, b.user_id) AS n
WHERE n.room_id = memberships.room_id AND n.user_id = memberships.user_id;
ALTER TABLE memberships DROP COLUMN seen_count;

-- How many users have reacted to a message with an emoji, and since when anybody has. A message that is deleted has none,
-- though its reactions may still be there: reaction_sweeps names it until they are not.
CREATE TABLE reaction_counts (
    room_id    BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    emoji      TEXT   COLLATE "C" NOT NULL,
    count      BIGINT NOT NULL,
    since      BIGINT NOT NULL,
    PRIMARY KEY (room_id, message_id, emoji)
);
INSERT INTO reaction_counts (room_id, message_id, emoji, count, since)
SELECT room_id, message_id, emoji, count(*), min(created_at) FROM reactions GROUP BY room_id, message_id, emoji;
CREATE TABLE reaction_sweeps (
    room_id    BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    PRIMARY KEY (room_id, message_id)
);

-- +goose Down

DELETE FROM reactions WHERE EXISTS (SELECT 1 FROM reaction_sweeps s
    WHERE s.room_id = reactions.room_id AND s.message_id = reactions.message_id);
DROP TABLE reaction_sweeps;
DROP TABLE reaction_counts;

-- The version before this one has no pins nor files of cleared messages.
DELETE FROM pins WHERE message_id <= (SELECT r.cleared_id FROM rooms r WHERE r.id = pins.room_id);
INSERT INTO doomed_blobs (key, due_at)
SELECT f.blob, 0 FROM files f JOIN rooms r ON r.id = f.room_id WHERE f.message_id BETWEEN 1 AND r.cleared_id
UNION SELECT f.thumbnail, 0 FROM files f JOIN rooms r ON r.id = f.room_id
WHERE f.message_id BETWEEN 1 AND r.cleared_id AND f.thumbnail <> '';
DELETE FROM files WHERE message_id BETWEEN 1 AND (SELECT r.cleared_id FROM rooms r WHERE r.id = files.room_id);

ALTER TABLE memberships ADD COLUMN seen_count BIGINT NOT NULL DEFAULT 0;
UPDATE memberships SET seen_count = r.message_count - (SELECT count(*) FROM messages m
    WHERE m.room_id = memberships.room_id AND m.sender_id <> memberships.user_id AND m.deleted_at = 0
    AND m.id > CASE WHEN memberships.last_read_id > r.cleared_id THEN memberships.last_read_id ELSE r.cleared_id END)
FROM rooms r WHERE r.id = memberships.room_id;
ALTER TABLE memberships DROP COLUMN own_after;
ALTER TABLE memberships DROP COLUMN own_count;
ALTER TABLE memberships DROP COLUMN sent_count;
ALTER TABLE rooms DROP COLUMN last_deleted_id;
DROP TABLE deletion_tallies;
DROP INDEX messages_deleted;
ALTER TABLE messages DROP COLUMN sender_seq;
