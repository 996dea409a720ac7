package sse

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/models"
)

// Log is what the push side reads: the store.
type Log interface {
	Epoch() string
	// Bounds are the newest position, and the newest of those no longer kept.
	Bounds(ctx context.Context) (head, pruned int64, err error)
	// Head is a place that has all which was committed before the call.
	Head(ctx context.Context) (models.Cursor, error)
	Entries(ctx context.Context, after int64, limit int) ([]models.LogEntry, error)
	EntriesFor(ctx context.Context, userID, after, upTo int64, limit int) ([]models.LogEntry, error)
	View(ctx context.Context, userID, after int64) (models.View, error)
	User(ctx context.Context, path models.UserPath) (models.User, error)
	// Acquaintances are those who are told when the user comes online or goes; a room with more members than roomLimit
	// makes none.
	Acquaintances(ctx context.Context, userID int64, roomLimit int) ([]int64, error)
	// Shared reports whether other nodes may be at work on the same database. Without, what follows is not called.
	Shared() bool
	// EnterNode makes a node known to the others; Beat shows that it is alive; TellNews tells of it; ForgetNode ends it. Ask
	// is for one of them.
	EnterNode(ctx context.Context, node string) error
	Beat(ctx context.Context, node string) (beats map[string]int64, err error)
	TellNews(ctx context.Context, news models.NodeNews) error
	ForgetNode(ctx context.Context, node string, beat int64, at models.Time) error
	Ask(ctx context.Context, ask models.PresenceAsk) error
	Presences(ctx context.Context) (map[string][]models.Presence, error)
	// Seen stores when users were last online.
	Seen(ctx context.Context, at map[int64]models.Time) error
	// CheckSession is nil while the caller's session may be used.
	CheckSession(ctx context.Context, caller models.Caller) error
}

// Limits are the bounds that whoever runs the server sets.
type Limits struct {
	Streams      int // of one user at once; 0 for no bound
	PresenceRoom int // members of a room beyond which they are not told who of them comes online or goes
}

// Hub knows the streams of this node and what each may see.
type Hub struct {
	log      Log
	commits     *Feed
	bus      *Bus // nil for a node that is alone; set by Join
	logger   *slog.Logger
	limits   Limits
	deadPeerTimeout time.Duration // deadAfter, except in tests
	nodeID     string        // names this process to those that share the database; "" when none can

	ctx     context.Context // of the walks; over when the hub has closed
	cancel  context.CancelFunc
	goroutines    sync.WaitGroup // every goroutine of every stream
	peers *peerWatcher
	replaySlots   *replaySlots // of the streams that walk

	mu       sync.Mutex
	position int64         // the log has been applied up to here
	positionMoved    chan struct{} // closed, and replaced, when position moves
	closing  bool
	streams  map[string]*Stream
	users    map[int64]map[*Stream]struct{}
	rooms    map[int64]*room
	cache   eventCache
	toFlush    []*Stream           // have something queued since the last flush
	ended     endedStreams                // streams that are over, until unlock removes them; has a lock of its own
	departures  map[int64]departure // users whose last stream ended a moment ago
	statusChanges []status            // to be told, in order, by tellStatuses
	remote     remotePresence
	presenceChanges map[presenceKey]models.Presence             // to be told to the other nodes, by keepLease
	presenceRequests     []models.PresenceAsk                  // to be answered by keepLease
	pendingRequests   map[string]chan models.PresenceAnswer // requests that wait for another node, by id

	otherNodes      atomic.Int64  // the other nodes
	remoteOutdated   atomic.Bool   // away has to be read again, by Run
	logRead  atomic.Bool   // the log was read; guard takes it back
	partitioned      atomic.Bool   // the log could not be read for too long; by guard
	streamsOpened     atomic.Int64  // streams, ever
	statusSignal      chan struct{} // holds one wake-up for tellStatuses; never closed
	presenceSignal chan struct{} // holds one wake-up for keepLease; never closed
}

// room is who hears of a room on this node.
type room struct {
	subscriptions []*subscription      // of live streams
	presentStreams        map[*Stream]struct{} // streams that are in the room now, live or not
	presentUsers      map[int64]*presentUser   // whose those are
}

// visitor is a user who is in a room.
type presentUser struct {
	streams int // so many of theirs are
	info     presenceInfo
}

// subscription is a live stream's part in a room.
type subscription struct {
	stream *Stream
	index  int // in room.subscriptions
	present bool
}

// NewHub makes a hub that stands at the newest event: streams of an earlier process come back with their cursors.
func NewHub(ctx context.Context, log Log, feed *Feed, logger *slog.Logger, limits Limits) (*Hub, error) {
	head, _, err := log.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		log: log, commits: feed, logger: logger, limits: limits, deadPeerTimeout: deadPeerTimeout, position: head, positionMoved: make(chan struct{}),
		streams: map[string]*Stream{}, users: map[int64]map[*Stream]struct{}{}, rooms: map[int64]*room{},
		departures: map[int64]departure{}, remote: newRemotePresence(), presenceChanges: map[presenceKey]models.Presence{},
		pendingRequests: map[string]chan models.PresenceAnswer{}, replaySlots: newReplaySlots(replaySlotCount, replaySlotsPerUser), statusSignal: make(chan struct{}, 1), presenceSignal: make(chan struct{}, 1),
	}
	if h.peers, err = newPeerWatcher(); err != nil {
		return nil, err
	}
	if log.Shared() {
		h.nodeID = newNodeID()
		if err := log.EnterNode(ctx, h.nodeID); err != nil {
			return nil, err
		}
		if h.remote, err = loadRemotePresence(ctx, log, h.nodeID); err != nil {
			return nil, err
		}
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h, nil
}

// Count tells how many streams are open at this node, and how many users have one.
func (h *Hub) Count() (streams, users int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams), len(h.users)
}

func (h *Hub) cursor(position int64) string {
	return models.Cursor{Epoch: h.log.Epoch(), Position: position}.String()
}

// reach waits until the hub has applied the log up to position.
func (h *Hub) waitForPosition(ctx context.Context, position int64) error {
	for {
		h.mu.Lock()
		at, moved := h.position, h.positionMoved
		h.mu.Unlock()
		if at >= position {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// apply moves the hub over a run of events that follows its position, and writes to the streams what each may see.
func (h *Hub) apply(events []*event) {
	h.withLock(func() {
		defer h.cache.invalidate(events) // once for all of them, since it goes over all that is kept
		for len(events) > 0 {
			run := nextBatch(events)
			if len(run) > 1 {
				h.deliverBatch(run)
			} else {
				h.beforeDelivery(run[0])
				h.deliver(run[0])
				h.afterDelivery(run[0])
			}
			for _, e := range run {
				h.cache.add(e)
			}
			h.position = run[len(run)-1].Position
			events = events[len(run):]
		}
		close(h.positionMoved)
		h.positionMoved = make(chan struct{})
	})
}

// before makes those members whom e brings in, so that it is the first event that they see.
func (h *Hub) beforeDelivery(e *event) {
	if e.Name != models.EventMemberJoined && e.Name != models.EventRoomCreated || e.Audience.RoomID == 0 {
		return // a direct room that somebody comes back to, of which they alone are told, had them all the time
	}
	for _, userID := range []int64{e.Audience.UserID, e.Audience.PeerID} {
		for s := range h.users[userID] {
			if s.attached {
				h.subscribe(s, e.Audience.RoomID)
			}
		}
	}
}

// after takes those out whom e removes, so that it is the last event that they see.
func (h *Hub) afterDelivery(e *event) {
	a := e.Audience
	switch e.Name {
	case models.EventMemberLeft, models.EventMemberBanned:
		for s := range h.users[a.UserID] {
			h.unsubscribe(s, a.RoomID)
			h.exit(s, a.RoomID)
			s.mutes.unmuteRoom(a.RoomID)
		}
	case models.EventRoomDeleted:
		if r := h.rooms[a.RoomID]; r != nil {
			for s := range r.presentStreams {
				s.rooms.update(a.RoomID, func(t *roomState) { t.present = false })
			}
			for userID, v := range r.presentUsers {
				h.recordPresence(presenceKey{roomID: a.RoomID, userID: userID}, v.info, false, time.Now())
			}
			for _, sub := range r.subscriptions {
				sub.stream.rooms.update(a.RoomID, func(t *roomState) { t.subscription = nil })
				sub.stream.mutes.unmuteRoom(a.RoomID)
			}
			delete(h.rooms, a.RoomID)
		}
	case models.EventMemberUpdated:
		for s := range h.users[a.UserID] {
			if s.attached {
				s.mutes.apply(e.LogEntry, s.userID)
			}
		}
	case models.EventBlockAdded, models.EventBlockRemoved:
		for _, userID := range []int64{a.UserID, a.PeerID} {
			for s := range h.users[userID] { // live or not: presence and typing come to those that walk, too
				s.mutes.apply(e.LogEntry, userID)
			}
		}
	case models.EventNodeNews, models.EventNodeAsked:
		h.applyNodeEvent(e)
	case models.EventSessionRevoked:
		for s := range h.users[a.UserID] {
			if s.sessionID == a.SessionID {
				h.finishStream(s, e.frame)
			}
		}
	}
}

// deliver queues e for the live streams that may see it.
func (h *Hub) deliver(e *event) {
	a := e.Audience
	switch {
	case !e.Kept(): // it is for the hub, which after moves
		return
	case a.Everyone:
		for _, s := range h.streams {
			h.push(s, e, e.frame)
		}
		return
	}
	for _, userID := range []int64{a.UserID, a.PeerID} {
		for s := range h.users[userID] {
			h.push(s, e, e.frame)
		}
	}
	if r := h.rooms[a.RoomID]; r != nil {
		// Backwards, since a stream that overflows is taken out of the list, its place filled by the last one.
		for i := len(r.subscriptions) - 1; i >= 0; i-- {
			sub := r.subscriptions[i]
			if f := e.frameFor(sub.present, sub.stream.mutes.suppresses(a.RoomID, a.UserID)); f != nil {
				h.push(sub.stream, e, f)
			}
		}
	}
}

// frameFor is the frame for a member who is in the room or is not, nil for none.
func (e *event) frameFor(inside, silent bool) []byte {
	switch {
	case e.notification == nil || inside:
		return e.frame
	case silent:
		return nil
	}
	return e.notification
}

// push queues a frame of e for a live stream, once. A stream that has no room left goes on from the log.
func (h *Hub) push(s *Stream, e *event, frame []byte) {
	h.pushBatch(s, e.Position, e.Position, frame)
}

// pushRun is push for a piece that holds all that the stream sees of the events at positions from to upTo.
func (h *Hub) pushBatch(s *Stream, from, upTo int64, piece []byte) {
	if !s.attached || s.pushedPosition >= upTo {
		return
	}
	s.pushedPosition = upTo
	switch s.enqueueBatch(piece, from) {
	case needsFlush:
		h.toFlush = append(h.toFlush, s)
	case queueFull:
		h.detach(s)
	}
}

func (h *Hub) room(id int64) *room {
	r := h.rooms[id]
	if r == nil {
		r = &room{presentStreams: map[*Stream]struct{}{}, presentUsers: map[int64]*presentUser{}}
		h.rooms[id] = r
	}
	return r
}

func (h *Hub) subscribe(s *Stream, roomID int64) {
	s.rooms.update(roomID, func(t *roomState) {
		if t.subscription == nil {
			r := h.room(roomID)
			t.subscription = &subscription{stream: s, index: len(r.subscriptions), present: t.present}
			r.subscriptions = append(r.subscriptions, t.subscription)
		}
	})
}

func (h *Hub) unsubscribe(s *Stream, roomID int64) {
	sub := s.rooms.subscription(roomID)
	if sub == nil {
		return
	}
	h.removeSubscription(sub, roomID)
	s.rooms.update(roomID, func(t *roomState) { t.subscription = nil })
}

// drop takes a subscription out of its room.
func (h *Hub) removeSubscription(sub *subscription, roomID int64) {
	r := h.rooms[roomID]
	last := len(r.subscriptions) - 1
	r.subscriptions[sub.index] = r.subscriptions[last]
	r.subscriptions[sub.index].index = sub.index
	r.subscriptions[last] = nil
	r.subscriptions = r.subscriptions[:last]
	h.removeRoomIfUnused(roomID, r)
}

// forget drops a room that nobody here hears of.
func (h *Hub) removeRoomIfUnused(roomID int64, r *room) {
	if len(r.subscriptions) == 0 && len(r.presentStreams) == 0 {
		delete(h.rooms, roomID)
	}
}

// detach makes s no longer live: from here on it reads the log itself.
func (h *Hub) detach(s *Stream) {
	s.attached = false
	for i, t := range s.rooms {
		if t.subscription != nil {
			h.removeSubscription(t.subscription, t.roomID)
			s.rooms[i].subscription = nil
		}
	}
	s.rooms = slices.DeleteFunc(s.rooms, func(t roomState) bool { return !t.present })
}

// goLive makes s live if it stands where the hub stands. v is what it may see there.
func (h *Hub) attach(s *Stream, v *visibility, position int64) (done bool) {
	h.withLock(func() {
		if position != h.position {
			return
		}
		done = true
		if h.streams[s.id] != s || s.hasEnded() {
			return // it has ended; there is nothing left to do
		}
		s.attached, s.pushedPosition, s.mutes = true, position, v.mutes
		for _, roomID := range slices.Sorted(maps.Keys(v.memberSince)) { // in their order, so that each is added at the end
			h.subscribe(s, roomID)
		}
		for _, roomID := range s.rooms.presentRooms() {
			if s.rooms.subscription(roomID) == nil {
				h.exit(s, roomID)
			}
		}
		s.endReplay()
	})
	return done
}
