// Package sse is the push side: it reads the log in its order and writes it to the streams of those whom it concerns,
// each event once, none left out.
//
// # How an event travels
//
//	log ──> tail (Hub.Run) ──> hub: who may see it ──> queues ──> one write per stream for all that waits
//	 └────> walk: a stream that is behind reads the log at its own pace until it has caught up
//
// Every stream starts behind: at the cursor it came with, or at the place that was the newest when it opened. It walks
// the log from there, and goes live when, under the hub's lock, it stands exactly where the hub stands. A live stream
// whose queue overflows becomes a walking one again. So opening, resuming and catching up are one thing, a slow reader
// costs no memory, and nothing comes twice.
//
// What a user may see, and wants to be notified of, moves with the log: a walking stream carries a view (the memberships
// and silences as of its own place), a live one the hub's subscriptions (as of the hub's place). Both change at the very
// events that change them, which is why the event of a removal is the last that the removed one sees.
//
// # Who owns what
//
//   - Hub.mu guards the hub's maps, its position, and each stream's fields marked so. Nothing under it blocks: writes
//     made under it are attempts that the socket may refuse.
//   - Stream.mu guards the stream's queue. It is taken after Hub.mu, never before.
//   - The socket of a stream is written by one at a time: whoever set Stream.writing. That is the flush of the hub, for
//     one attempt, or the stream's own goroutine (drain), which exists only while the socket owes something.
//   - Each stream has one more goroutine that waits for the peer to close (watch).
//   - Run has a goroutine beside it that asks the database whom to tell that a user came online or went, and tells them.
//   - Only Hub.remove closes a connection, and only once.
//
// # The end
//
// Hub.Close refuses new streams, gives each one server.closing as its last event, in slices, and waits until they are
// written or a grace has passed. Run is stopped by its context, after Close and before the store closes.
package sse
