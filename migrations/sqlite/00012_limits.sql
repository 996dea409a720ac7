-- +goose Up

-- The network that a guest was made from, of which there may be only so many; '' for everybody else.
ALTER TABLE users ADD COLUMN guest_network TEXT NOT NULL DEFAULT '';
CREATE INDEX guests_by_network ON users (guest_network) WHERE guest_network <> '';

-- +goose Down
DROP INDEX guests_by_network;
ALTER TABLE users DROP COLUMN guest_network;
