// Package sse is the push side of Parley: it reads the event log in its order and sends each event to the streams of
// the users who may see it, exactly once.
//
// # How an event travels
//
//	log ──> log consumer (Hub.Run) ──> hub: who may see it ──> queues ──> one write per stream for all that is queued
//	 │        ↑
//	 │       commit queue: the events of this node's commits, and those of other nodes that the bus brings
//	 └────> replay: a stream that is behind reads the log itself, at its own pace, until it has caught up
//
// The log consumer applies queued events that directly follow the hub's position. It reads the log when they do not,
// and at regular intervals in any case. So the commit queue and the bus may lose, double and reorder events.
//
// Every stream starts with a replay: from the cursor of the client, or from the newest event when it opened. It is
// attached when, under the hub's lock, its position is exactly the hub's position. From then on the hub delivers events
// to it. An attached stream whose queue overflows is detached and replays again. So opening, resuming and catching up
// are the same, a slow reader costs little memory, and no event is lost or sent twice.
//
// After a restart all clients come back at once. A stream that opens needs one of a few slots for its queries and its
// first replay; the others wait in their requests, users take turns (admission.go, replay_slots.go), and none is
// refused as long as it can wait. The queries of streams that open at the same time are shared, by package store.
//
// A replay works in steps, for which it needs a slot too. In one step it reads a limited number of events into a buffer
// that belongs to the slot, and writes them as long as the socket accepts them without waiting. The rest of the frame
// that the socket took last is all that the stream holds while it waits for its peer, and it holds no slot then. What
// follows is read again.
//
// Messages to one room that follow each other in the log, as those of one commit do, become one batch (batch.go): one
// slice that all streams share, and one write for each of them. The streams that have something to write are in one
// queue, from which one flusher for each core takes them (flush_queue.go); it lets requests run in between
// (yield_unix.go). The log consumer starts the next round when all streams of the last one were taken, since nothing of
// it could be written any sooner. So under load the batches and the writes grow instead of their number, all cores
// write, and nothing waits for more to come.
//
// What a user may see, and wants to be notified of, changes with the log: a replaying stream has a visibility snapshot
// (memberships and mutes at its own position), an attached one has the hub's subscriptions (at the hub's position).
// Both change with the events that change them. Therefore the event that removes a member is the last that the member
// sees.
//
// The newest events are cached, and a hub that starts reads them from the log (event_cache.go): streams that are only a
// little behind, such as those of clients that come back after a restart, replay from memory. Edited, deleted and
// cleared messages make cached events stale; those are read from the database, which has the current content. A new
// stream waits until the hub has reached the end of the log at the time it opened, so that it cannot get what was
// deleted before.
//
// # Other nodes
//
// Nodes that share a database know who is present on the others. When that changes at one node (a user's first stream,
// or the last one to leave a room), it informs its own streams at once, and the other nodes with an event in the log
// that no client sees: a presence update. What changes within presenceInterval shares one update. A node that starts
// reads the presence of the others from the database. Each node sends heartbeats. The first node that misses them for
// the duration of a lease removes the dead node and its users. If that node is alive after all, it finds itself removed
// with its next heartbeat, and publishes its presence again. A request about a stream reaches the node that has it in
// the same way, as a presence request in the log, and so does the response.
//
// A node that cannot read the log while there are other nodes is partitioned: the watchdog ends its streams after a
// while, because it might have missed a log-out.
//
// # Locks
//
//   - Hub.mu guards the hub's maps, its position, and the fields of each stream that are marked so. Nothing blocks
//     under it: writes under it are attempts that the socket may refuse.
//   - Stream.mu guards the stream's queue. It is taken after Hub.mu, never before.
//   - The locks of peerWatcher, endedStreams, flushQueue, replaySlots and CommitQueue are taken last. Nothing is called
//     under them.
//   - Only one goroutine at a time writes to a stream's socket: the stream's writer while Stream.writing is set, or
//     else the one that holds Stream.mu, for one attempt without waiting. That is a flusher, or, for a few streams, the
//     goroutine that has queued the frames.
//
// # Goroutines
//
//   - Run is the log consumer. It alone changes the hub's position. It starts, and waits for: the flushers;
//     peerWatcher.run, which waits for closed peers; releaseMemory; runStatusQueue, which queries the users to notify
//     of users who come online or go offline; and, if the database is shared, keepLease (heartbeats, presence updates
//     and requests) and watchdog.
//   - A stream's writer (runWriter) exists while the socket has to be waited for or the log is replayed. Where there is
//     no epoll, each stream also has a goroutine that waits for its peer to close. Hub.goroutines counts both.
//   - Bus has one goroutine that publishes; those of NATS call receiveLog and receiveTyping. Nothing waits for NATS.
//
// # Channels
//
//   - CommitQueue.ready and flushQueue.taken wake the log consumer, Hub.statusSignal runStatusQueue, Hub.presenceSignal
//     keepLease. Each has a capacity of one and is never closed. A send never blocks: if there is a wake-up already, it
//     is enough. flushQueue.wake is the same for the flushers, with a capacity of one for each.
//   - Hub.positionMoved is closed and replaced under Hub.mu when the position changes.
//   - Hub.pendingRequests has a channel of capacity one for each presence request, owned by the request.
//   - Bus.commits and Bus.typingQueue are bounded. Events that do not fit are dropped. Bus.stop is closed by Bus.Close.
//
// # The end
//
// A stream ends in one way, whatever the reason (stream_end.go): Stream.markEnded marks it, and the next Hub.unlock
// removes it from the hub and closes its connection, once.
//
// Hub.Close refuses new streams, sends each one server.closing as its last event, in batches, and waits until those are
// written or its context is done. Run is stopped by its context, after Close, and removes this node from the database.
// The bus and the store close after it.
package sse
