// Package store is the database: accounts, rooms, messages, and the log of all that happened to them.
//
// # The data layer
//
// gorm runs the transactions, and the ordinary reads and writes through private row types, on both databases. Raw SQL
// goes through package database alone: Scan, Find, While, Exec and ExecRows take ? and lists (IN ?), and scan as gorm
// does; Query, and ExecDirect, for what runs all the time, take $1, $2 and so on, and go past gorm's reflection. Sends,
// session and membership lookups, word searches and the log go through the seam of the dialect (internal/database),
// which internal/sqlite and internal/postgres implement each in its own way. There is no other way.
//
// # The rule
//
// Each public method that changes what clients see owns one transaction, which changes the tables and appends the
// events about it to the log (tx.go; send_batch.go for sends). So what was rolled back is never seen and what was
// committed is never lost. The methods return the event's Cursor, zero when there was nothing to change.
//
// Statements without an event change only what no event is about: when sessions were last used (touches.go, many in one
// transaction), who writes an upload (uploads.go), which thumbnail is being made (thumbnails.go), which blobs are to be
// deleted (blobs.go), and the row of the instance (instance.go, health.go).
//
// # Deleted content is never replayed
//
// A message is stored once. The log's row of an event that carries one refers to it (room_id, message_id), and so does
// the response for an Idempotency-Key; streams that are attached get it from memory. Later readers of the log get what
// exists by then (events.go): the message as it was edited, its tombstone, or nothing. Such a message may be newer than
// its event, so that later events repeat what it already has. Such an event therefore carries the result (the count of
// a reaction) and not a step, so that it may be applied twice.
//
// # Locks, in this order
//
//   - the row of a node, by writes about who is present there;
//   - the row of departures of a deleted account that is being purged;
//   - rows of idempotency_keys, by caller, path and key;
//   - the row of word_index, by the indexer, which locks messages after it;
//   - rows of rooms, by id: by writes to a room, its members, bans, invites or messages, and by blocks between the
//     users of a direct room;
//   - rows of users, by id: by writes to a password, an account or its identities, and to when users were last seen;
//   - rows of sessions, by id in the order of bytes (touchSessions, revokeEach), but for ended ones that are deleted;
//   - rows of uploads, files and doomed_blobs, in that order;
//   - the row of event_head, by the append at the end of the transaction, until the commit.
//
// SQLite has one writer at a time, so there the order does not matter; with another order PostgreSQL would report
// deadlocks.
//
// # Which process owns the database
//
// First of all a dialect claims its database. With SQLite that is a lock on a file beside it, held until Close; under
// the lock, the files are checked before SQLite opens them (internal/sqlite/files.go), since it applies any write-ahead
// log that is beside a database. With either database, a schema newer than this version's is refused. Until then
// nothing has changed.
//
// # Deletion
//
// No transaction may grow with how much a user has. So an account or a room is deleted in a short first step
// (deleteUser, markRoomDeleted), which has an event, and after which no statement finds it any more (liveUsers,
// liveRooms). What it had is purged after that, in batches of a few milliseconds with a pause after each (janitor.go):
// by the janitor of any node. A batch takes what is left, so that it does not matter where an earlier one ended; on
// PostgreSQL nodes skip what another one works on. A new table whose rows belong to a user or a room has to be added to
// userTables or roomTables.
//
// # What every request asks for
//
// Whether a session is valid, who is a member of a room, and where the log ends is asked all the time. Sessions and
// memberships are cached (cache.go), and removed by the events that end or change them: so each new way in which that
// happens needs an event. Where this process is alone with its database, that is before the call that made the event
// returns. Where other nodes may write, each request reads the end of the log first, with one statement for all
// requests that wait at that moment (coalescer), and looks into the cache when the events up to there are applied
// (cache_log.go). What a request has learned of the log is kept with it (models.ReadPoint): most have one round trip
// for their session, their membership and Event-Cursor together.
//
// When a session was last used is stored behind the requests, for many sessions in one transaction (touches.go). Only
// the first request after hours waits for that, so that the janitor does not delete a guest who is back as idle. What a
// stream needs to open is read for all streams that open at the same time (visibility.go).
//
// # Sends
//
// A send is queued by its request, which has computed what the message will be found by. The commit queue (send.go)
// takes what has come while the last commit was under way, and runs one transaction over one connection
// (send_batch.go): rooms and senders are read, each send is checked and its message encoded, then all rows are written
// and committed. The JSON is made once, by hand; the frame and the response are the same bytes, and the database has
// none of them.
//
// # The word index
//
// The words of a message are indexed behind its commit (word_index.go). The log is the queue of what waits for that:
// the row of word_index has the position up to which all messages are in the index, and moves in the transaction that
// adds them. So nothing is lost by a crash, and the log is not pruned beyond that position. A search reads the position
// first, then the messages of the events after it, and then the index; the messages of both are united. So it finds
// each message at any moment.
//
// An edit indexes its message in its own transaction, and the indexer passes over messages that were edited or deleted;
// triggers remove the words of those that are deleted. On PostgreSQL the indexer locks the messages that it adds, so
// that it sees an edit or a deletion that is under way, and a later one sees what was added. There, one node indexes at
// a time: the one that has locked the row of word_index, which ends with its connection; PostgreSQL ends that if it
// hears nothing for some seconds.
//
// Words that the database refuses hold up no others: their message is left out of the index, and logged.
//
// # Goroutines
//
// Open starts four, and Close waits for all: the commit queue (runCommitQueue), the indexer (runIndexer), the janitor
// (runJanitor), which deletes in batches what nobody can see any more, and the one that stores when sessions were used
// (runTouches).
package store
