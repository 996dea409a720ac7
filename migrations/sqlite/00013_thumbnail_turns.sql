-- +goose Up
-- Users take turns: a user with one picture does not wait behind somebody's thousand.
DROP INDEX files_without_thumbnail;
CREATE INDEX files_without_thumbnail ON files (user_id, thumbnail_due) WHERE thumbnail_due > 0;

-- +goose Down
DROP INDEX files_without_thumbnail;
CREATE INDEX files_without_thumbnail ON files (thumbnail_due) WHERE thumbnail_due > 0;
