// Package store is the database: accounts, rooms, messages, and the log of all that happened to them.
//
// # The rule
//
// Each public method that changes something owns one transaction, which changes the tables and appends the events that
// tell of it to the log (change.go). Nothing else writes, so what was rolled back is never seen and what was committed
// is never lost. Methods answer the event's Cursor, zero when there was nothing to change.
//
// # What is deleted is told to nobody again
//
// A message is stored once. The log's row of an event that carries one refers to it (room_id, message_id), and so does what
// an Idempotency-Key is answered with; those who are there when it happens get it from memory. Whoever reads the log later
// gets what there is by then (log_entries.go): a message as it was edited to, its tombstone, or nothing. Such a message may
// be newer than its event's place, so that later events tell once more of what it has already. Whatever adds such an event
// gives it the outcome (the count of a reaction), and no step, so that it may be applied twice.
//
// # Locks, in this order
//
//   - the row of a node, by whoever tells of who is present there;
//   - the row of departures of whoever is being purged;
//   - rows of idempotency_keys, by caller, path and key;
//   - rows of rooms, by id: whoever changes a room, its members, bans, invites or messages holds its row, and so does
//     whoever blocks the other user of a direct room;
//   - rows of users, by id: whoever changes a password, an account or its identities, and whoever notes who was seen;
//   - rows of uploads, files and doomed_blobs, in that order;
//   - the row of event_head, by the append at the transaction's end, until the commit.
//
// SQLite has one writer at a time, so there the order is free; PostgreSQL would answer another order with deadlocks.
//
// # Whose the database is
//
// Before all else a dialect claims its database. On SQLite that is a lock on a file beside it, held until Close; under it,
// the files are looked at before SQLite opens them (sqlite_run.go), since it applies whatever log lies beside a database.
// On either database, a schema newer than this version's is refused (schema.go). Until then nothing has changed.
//
// # What ends
//
// No transaction may grow with how much somebody has. So an account or a room ends in a short first step (deleteUser,
// endRoom), which is told, and after which no statement finds it any more (live.go). What it had is purged behind that, in
// batches of a few milliseconds with a rest after each (purge.go): by the janitor, who is woken, of whichever node. A batch
// takes what is left, so that it does not matter where an earlier one ended; on PostgreSQL nodes pass over what another one
// is at. Whoever adds a table whose rows belong to a user or a room adds it to purge_account.go or purge_room.go.
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
// (janitor.go), which removes in batches what nobody can see any more.
//
// # Speed
//
// A send is queued by its request, which has made by then what the message will be found by. The sender takes what has
// gathered while the last commit was under way, at most 256 (send.go), and runs one transaction over one connection
// (group.go): rooms and senders are read, each send is judged and its message encoded (post.go), then all rows are written
// and committed. That JSON is made once, by hand (models/message_json.go); the frame and the answer are the same bytes, and
// the database has none of them. What every group does goes to the driver, past gorm and database/sql: on PostgreSQL in two round trips, of
// which the second ends with the COMMIT (batch_postgres.go), or three with Idempotency-Keys; on SQLite with statements
// that the connection keeps (sqlite_statements.go), without a context, for which the driver would start a goroutine each
// time.
//
// On SQLite, 32 senders (BenchmarkParley/send/sqlite/senders=32 with -test.cpuprofile, 2 cores). What Send and the sender
// take, as pprof -top shows it with -focus 'runSender|store.\(\*Store\).Send$'; of 12.2 s, the rest being requests, clients and
// the bare loop beside them, 3.4 s:
//
//	 flat    cum
//	1.09s  1.09s  syscall/linux.Syscall6      the disk: two writes for each page of the log of the file, one fsync
//	0.18s  2.58s  sqlite3VdbeExec             statements, and all below them but their binding
//	0.18s  0.18s  walChecksumBytes            of each page that a commit writes
//	0.12s  0.12s  pcache1TruncateUnsafe       at each commit: cached pages beyond the file's end
//	0.08s  0.08s  cmpbody                     the words of a text being sorted
//	0.08s  0.08s  memclrNoHeapPointers        new memory, of SQLite and of the queue's sends
//	0.08s  0.08s  memmove                     rows on their way into pages, pages on their way to the disk
//	0.07s  0.07s  nextFreeFast                allocations, see below
//	0.06s  0.22s  fts5MultiIterNext           FTS5 merges what earlier commits wrote
//	0.06s  0.16s  sqlite3BtreeIndexMoveto     the way to a message's place in each index of messages
//
// By what it is for: pages of the commit 1.2 s, rows of messages and their words 0.7 s, the index of words as FTS5 writes it
// out 0.5 s (at the first statement after them that can be undone by itself, which is the head's), moving the log into the
// file 0.3 s, reading rooms and senders 0.13 s, the words of the texts 0.12 s, rows of events 0.11 s, counts of senders 0.07 s, JSON
// 0.06 s. On PostgreSQL the same is 0.4 s, nearly all of it the encoding of arrays by pgx: there the database's own processes
// take the time, for the index of words above all.
//
// What it allocates, of 886 MB (-test.memprofile, pprof -sample_index=alloc_space):
//
//	   flat      cum
//	33.82MB  33.82MB  indexWords           the list of a text's words, which are parts of the text themselves
//	19.25MB  58.58MB  Store.Send           the send and its channel
//	14.49MB  14.49MB  send.seal            the JSON
//	 5.51MB   5.51MB  bytealg.MakeNoZero   the words in one string, as the index takes them
//	 3.86MB  28.84MB  groupTx.commit       the log's entries, for the feed
//	 3.43MB   3.43MB  sse.Feed.put         the same, until the tail takes them
//	 3.00MB   3.00MB  sqlite.newResult     a result for each statement, which nobody reads
//	 2.85MB   6.47MB  readSenders          who may send, and how they are called
//	 2.75MB   2.75MB  sqlite.(*conn).bind  arguments on the way to SQLite
package store
