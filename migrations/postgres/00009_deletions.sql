-- +goose Up

-- A user who deletes their account, or a room that is deleted, is gone for all at once, by a time in deleted_at. What they
-- had is purged behind that, a little at a time; the row goes last. A room's members may see its events up to deleted_position.
ALTER TABLE users ADD COLUMN deleted_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN deleted_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN deleted_position BIGINT NOT NULL DEFAULT 0;
CREATE INDEX rooms_deleted ON rooms (id) WHERE deleted_at <> 0;

-- Who inherits a room, without a look at all of its members.
CREATE INDEX memberships_by_role ON memberships (room_id, role, joined_at, user_id);

-- What a purge finds its rows by.
CREATE INDEX bans_by_user ON bans (user_id);
CREATE INDEX uploads_by_room ON uploads (room_id);
CREATE INDEX sessions_not_revoked ON sessions (user_id, created_at, id) WHERE revoked_at = 0;

-- +goose Down
-- What is deleted but not purged yet would come back to life.
DELETE FROM memberships WHERE room_id IN (SELECT id FROM rooms WHERE deleted_at <> 0)
    OR user_id IN (SELECT id FROM users WHERE deleted_at <> 0);
DELETE FROM rooms WHERE deleted_at <> 0;
DELETE FROM users WHERE deleted_at <> 0;
DROP INDEX sessions_not_revoked;
DROP INDEX uploads_by_room;
DROP INDEX bans_by_user;
DROP INDEX memberships_by_role;
DROP INDEX rooms_deleted;
ALTER TABLE rooms DROP COLUMN deleted_position;
ALTER TABLE rooms DROP COLUMN deleted_at;
ALTER TABLE users DROP COLUMN deleted_at;
