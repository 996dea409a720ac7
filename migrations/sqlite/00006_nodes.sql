-- +goose Up

-- The nodes at work on this database. Each counts its beat up every few seconds; one whose beat stands still is taken for
-- dead by the others, who forget it. A write that changes presences holds the row of their
-- node.
CREATE TABLE nodes (
    id   TEXT   NOT NULL PRIMARY KEY,
    beat BIGINT NOT NULL DEFAULT 0
);

-- Who has a stream open at a node (room_id 0), and who is in which room there. No foreign keys: a node takes its rows back
-- itself, or they go with it.
CREATE TABLE presences (
    node_id TEXT   NOT NULL,
    user_id BIGINT NOT NULL,
    room_id BIGINT NOT NULL,
    PRIMARY KEY (node_id, user_id, room_id)
);

-- +goose Down
DROP TABLE presences;
DROP TABLE nodes;
