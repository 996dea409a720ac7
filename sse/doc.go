// Package sse is the push side: it reads the log in its order and writes it to the streams of those whom it concerns,
// each event once, none left out.
//
// # How an event travels
//
//	log ──> tail (Hub.Run) ──> hub: who may see it ──> queues ──> one write per stream for all that waits
//	 │        ↑
//	 │       feed: the events of this node's commits, and those that the bus brings from other nodes
//	 └────> walk: a stream that is behind reads the log at its own pace until it has caught up
//
// The tail applies what the feed has as long as it follows on where the hub stands, and reads the log when it does not, and
// four times a second in any case. So the feed, and the bus behind it, may lose, double and reorder what they like.
//
// Every stream starts behind: at the cursor it came with, or at the place that was the newest when it opened. It walks
// the log from there, and goes live when, under the hub's lock, it stands exactly where the hub stands. A live stream
// whose queue overflows becomes a walking one again. So opening, resuming and catching up are one thing, a slow reader
// costs little memory, and nothing comes twice.
//
// A walk reads in turns, of which there are a few for all and fewer for one user (turns.go): in one it fetches a bounded
// number of events, fewer if they are large, and writes them as far as the socket takes them at once. What the socket leaves
// of one write (16 KB, or a frame that is larger) is all that the stream holds while it waits for its peer, with no turn; the
// rest is read again. A live stream whose socket has no room holds no more of its own either; its queue are slices of frames
// that all streams share, 64 KB of them, or one burst (128 KB).
//
// Messages to one room that follow each other in the log, as those of one commit mostly do, are one piece (burst.go): one
// slice that all streams share, and one write for each of them. Between two rounds of writing the tail rests for as long as
// the last one took (rest), so that under load the pieces grow instead of their number. What comes at longer intervals is
// written at once.
//
// What a user may see, and wants to be notified of, moves with the log: a walking stream carries a view (the memberships
// and silences as of its own place), a live one the hub's subscriptions (as of the hub's place). Both change at the very
// events that change them, which is why the event of a removal is the last that the removed one sees.
//
// The newest events are in memory, for streams that are only a little behind (recent.go). What is edited, deleted or cleared
// away makes those stale that told of it (stale.go): they are read from the log again, which has them as they are by then. A
// stream waits until the hub has come to where the log stood when it opened, so that no deletion which was answered before is
// still on its way here.
//
// # Other nodes
//
// Nodes that share a database know who is present on the others. A change of that at one node (the first stream of a user,
// the last one to leave a room) is told to its own streams at once, and to the other nodes through the log, in an event
// that no client sees (node.news), together with the rows of presences that a node which starts reads. A node shows that
// it is alive by its beat; one whose beat stands still for the life of a lease is forgotten, with all who were there, by
// whichever node is first. It may be alive after all: then it finds itself forgotten with its next beat, and tells of
// everybody once more. A request about a stream reaches the node that has it the same way (node.asked), and so does the
// answer.
//
// A node that cannot read the log, and is not alone, ends its streams after a while (guard): it does not know who has been
// logged out.
//
// # Who owns what
//
//   - Hub.mu guards the hub's maps, its position, and each stream's fields marked so. Nothing under it blocks: writes
//     made under it are attempts that the socket may refuse.
//   - Stream.mu guards the stream's queue. It is taken after Hub.mu, never before. The watcher's lock, that of lost and that
//     of turns are taken last, and nothing is called under them.
//   - The socket of a stream is written by one at a time: whoever set Stream.writing. That is the flush of the hub, for
//     one attempt, or the stream's own goroutine (drain), which exists only while the socket owes something.
//   - One goroutine asks the kernel's event queue which peers have closed (watcher.run); where there is no such queue, each
//     stream has one that waits for it.
//   - Run has goroutines beside it: the watcher's; one that gives memory back after a crowd has come (tidy); one asks the
//     database whom to tell that a user came online or went, and tells them (tellStatuses); where there may be other nodes, one keeps the lease, tells the news and answers what is asked
//     (keepLease), and one is the guard.
//   - Bus has one goroutine that publishes, and NATS's own, which call receiveLog and receiveTyping. Nothing waits for it.
//   - A stream ends in one way, whoever notices (end.go): Stream.lose marks it, and Hub.unlock, when the hub's lock is next let
//     go of, removes it from the hub and closes its connection, once.
//
// # Speed
//
// A delivery costs its share of a write. A commit's messages reach a stream in one piece, so each commit costs a stream one
// lock, one slice in its queue and one system call, whatever the number of messages. 1,000 streams of one room, 200 sends in
// flight, SQLite, 2 cores, the server alone (BenchmarkParley/deliver); 1,000,000 deliveries take 0.21 s of its CPU. Of 2.07 s
// sampled, what Run takes is 1.08 s, as pprof -top shows it with -focus 'Hub..Run'; the rest are requests, commits and the
// collector:
//
//	 flat    cum
//	1.01s  1.01s  syscall/linux.Syscall6   write: the kernel carries the bytes up to the peer's socket
//	0.02s  1.07s  Stream.flush             the round over all streams that have something queued
//	0.02s  0.02s  sync.(*Mutex).Lock       Stream.mu, once to queue and once to write
//	0.01s  0.01s  poll.(*FD).writeLock     Go's own lock of a socket
//	0.01s  0.01s  runtime.(*spanSet).push  allocations, see below
//	0.01s  0.01s  pollInfo.closing         Go asks whether the socket was closed meanwhile
//	    0  1.04s  Stream.attempt           takes what is queued, mostly one piece that needs no copy
//	    0  0.10s  Hub.advance              the log, read four times a second in any case
//	    0  0.01s  Hub.deliverBurst         who sees the piece, and in which form
//	    0  0.01s  Hub.Sweep                heartbeats, and peers that are gone
//
// What it allocates in the same two seconds, of 150 MB (pprof -sample_index=alloc_space -focus 'sse\.'):
//
//	   flat      cum
//	11.00MB  11.00MB  encode              the two frames of an event, once for all streams
//	 4.15MB   4.15MB  Feed.put            entries that wait for the tail
//	 3.50MB   3.50MB  socket.tryWrite     the closure that net.RawConn wants, one for each write
//	 3.34MB   3.34MB  join                the pieces
//	 2.58MB   2.58MB  following           the run of entries that is applied
//	 1.00MB   1.00MB  models.Cursor.String  ids
//	 0.51MB   1.53MB  store.entries       what the log is read into
//	 0.50MB  13.01MB  Hub.events          events and, below, their frames
//
// # The end
//
// Hub.Close refuses new streams, gives each one server.closing as its last event, in slices, and waits until they are
// written or a grace has passed. Run is stopped by its context, after Close, and takes this node out of the others' picture.
// The bus and the store close after it.
package sse
