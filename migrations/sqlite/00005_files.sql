-- +goose Up

-- Blobs without an owner, and when their bytes go. A blob is entered before its first byte is written, with some time to
-- go; a file that takes it strikes it out. When the file goes, the blob is entered again. claimed_at: its bytes are being
-- removed, and nobody may take it any more.
CREATE TABLE doomed_blobs (
    key        TEXT   NOT NULL PRIMARY KEY,
    due_at     BIGINT NOT NULL,
    claimed_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX doomed_blobs_by_time ON doomed_blobs (due_at);

-- No foreign keys: a row that went with its room or its user would leave its blob behind. message_id 0: not attached yet.
-- thumbnail is a blob, '' while there is none; thumbnail_due says when one is to be made, 0 for never (again).
CREATE TABLE files (
    id              TEXT    NOT NULL PRIMARY KEY,
    room_id         BIGINT  NOT NULL,
    user_id         BIGINT  NOT NULL,
    message_id      BIGINT  NOT NULL DEFAULT 0,
    place           INTEGER NOT NULL DEFAULT 0,
    blob            TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    media_type      TEXT    NOT NULL,
    size            BIGINT  NOT NULL,
    sha256          TEXT    NOT NULL,
    width           INTEGER NOT NULL,
    height          INTEGER NOT NULL,
    thumbnail       TEXT    NOT NULL DEFAULT '',
    thumbnail_due   BIGINT  NOT NULL DEFAULT 0,
    thumbnail_tries INTEGER NOT NULL DEFAULT 0,
    created_at      BIGINT  NOT NULL
);
CREATE INDEX files_by_message ON files (room_id, message_id, place);
CREATE INDEX files_by_user ON files (user_id, size);
CREATE INDEX files_unattached ON files (created_at) WHERE message_id = 0;
CREATE INDEX files_without_thumbnail ON files (thumbnail_due) WHERE thumbnail_due > 0;

-- Uploads in chunks. Of the staged blob, the first kept bytes are good; what follows them is, too, unless guarded: then
-- it is a chunk whose checksum nobody has looked at yet. writer holds the upload until writer_until.
CREATE TABLE uploads (
    id           TEXT    NOT NULL PRIMARY KEY,
    user_id      BIGINT  NOT NULL,
    room_id      BIGINT  NOT NULL,
    blob         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    media_type   TEXT    NOT NULL,
    metadata     TEXT    NOT NULL,
    size         BIGINT  NOT NULL,
    kept         BIGINT  NOT NULL DEFAULT 0,
    guarded      BOOLEAN NOT NULL DEFAULT false,
    file_id      TEXT    NOT NULL DEFAULT '',
    gone         BOOLEAN NOT NULL DEFAULT false,
    writer       TEXT    NOT NULL DEFAULT '',
    writer_until BIGINT  NOT NULL DEFAULT 0,
    expires_at   BIGINT  NOT NULL
);
CREATE INDEX uploads_by_user ON uploads (user_id);
CREATE INDEX uploads_by_end ON uploads (expires_at);

-- +goose Down
DROP TABLE uploads;
DROP TABLE files;
DROP TABLE doomed_blobs;
