-- +goose Up

-- The refresh token that the session spent last, by its hash, and what it was traded for, sealed so that only who has
-- the spent one opens it: for a client that lost the answer. '' for none, or of an older version.
ALTER TABLE sessions ADD COLUMN renewed_from TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN renewed_to TEXT NOT NULL DEFAULT '';

-- Since which event a member may do without a break what the role allows. Invites that they made before are void.
ALTER TABLE memberships ADD COLUMN rights_position BIGINT NOT NULL DEFAULT 0;

-- Who made an invite, and where the log stood then. author_id 0: an older version made it, and the room's owner answers
-- for it.
ALTER TABLE invites ADD COLUMN author_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invites ADD COLUMN position BIGINT NOT NULL DEFAULT 0;

-- Who left a private room by themselves, and by which event: they come back with an invite that was made after it.
CREATE TABLE leavers (
    room_id       BIGINT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id       BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    left_position BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX leavers_by_user ON leavers (user_id);

-- +goose Down
DROP TABLE leavers;
ALTER TABLE invites DROP COLUMN position;
ALTER TABLE invites DROP COLUMN author_id;
ALTER TABLE memberships DROP COLUMN rights_position;
ALTER TABLE sessions DROP COLUMN renewed_to;
ALTER TABLE sessions DROP COLUMN renewed_from;
