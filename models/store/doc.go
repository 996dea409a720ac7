// Package store is the database: accounts, rooms, messages, and the log of all that happened to them.
//
// # The rule
//
// Each public method that changes something owns one transaction, which changes the tables and appends the events that
// tell of it to the log (change.go). Nothing else writes, so what was rolled back is never seen and what was committed
// is never lost. Methods answer the event's Cursor, zero when there was nothing to change.
//
// # Locks, in this order
//
//   - the row of a node, by whoever tells of who is present there;
//   - rows of idempotency_keys, by caller, path and key;
//   - rows of rooms, by id: whoever changes a room, its members, bans, invites or messages holds its row, and so does
//     whoever blocks the other user of a direct room;
//   - rows of users, by id: whoever changes a password, an account or its identities, and whoever notes who was seen;
//   - rows of uploads, files and doomed_blobs, in that order;
//   - the row of event_head, by the append at the transaction's end, until the commit.
//
// SQLite has one writer at a time, so there the order is free; PostgreSQL would answer another order with deadlocks.
//
// # What every request asks
//
// Whether a session goes on, what somebody is in a room, and where the log stands is asked all the time. Where this
// process is alone with its database, it is remembered (memory.go) and forgotten by the events that end it, before the
// change is answered. So whoever adds a way for a session or a membership to end tells an event of it, or sets
// change.renamed. Where other nodes may write, the database is asked each time, with one question for all who want to
// know at that moment (gather.go).
//
// # Goroutines
//
// Open starts two, and Close waits for both: the sender (send.go), which commits messages in groups, and the janitor
// (janitor.go), which removes in small bites what nobody can see any more.
package store
