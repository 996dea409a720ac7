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
	feed     *Feed
	bus      *Bus // nil for a node that is alone; set by Join
	logger   *slog.Logger
	limits   Limits
	patience time.Duration // deadAfter, except in tests
	node     string        // names this process to those that share the database; "" when none can

	ctx     context.Context // of the walks; over when the hub has closed
	cancel  context.CancelFunc
	work    sync.WaitGroup // every goroutine of every stream
	watcher *watcher
	turns   *turns // of the streams that walk

	mu       sync.Mutex
	position int64         // the log has been applied up to here
	moved    chan struct{} // closed, and replaced, when position moves
	closing  bool
	streams  map[string]*Stream
	users    map[int64]map[*Stream]struct{}
	rooms    map[int64]*room
	recent   recent
	dirty    []*Stream           // have something queued since the last flush
	lost     lost                // streams that are over, until unlock removes them; has a lock of its own
	leaving  map[int64]departure // users whose last stream ended a moment ago
	statuses []status            // to be told, in order, by tellStatuses
	away     elsewhere
	unshared map[place]models.Presence             // to be told to the other nodes, by keepLease
	asks     []models.PresenceAsk                  // to be answered by keepLease
	asking   map[string]chan models.PresenceAnswer // requests that wait for another node, by id

	peers      atomic.Int64  // the other nodes
	outdated   atomic.Bool   // away has to be read again, by Run
	confirmed  atomic.Bool   // the log was read; guard takes it back
	blind      atomic.Bool   // the log could not be read for too long; by guard
	opened     atomic.Int64  // streams, ever
	noted      chan struct{} // holds one wake-up for tellStatuses; never closed
	newsToTell chan struct{} // holds one wake-up for keepLease; never closed
}

// room is who hears of a room on this node.
type room struct {
	subscriptions []*subscription      // of live streams
	inside        map[*Stream]struct{} // streams that are in the room now, live or not
	visitors      map[int64]*visitor   // whose those are
}

// visitor is a user who is in a room.
type visitor struct {
	streams int // so many of theirs are
	who     entrance
}

// subscription is a live stream's part in a room.
type subscription struct {
	stream *Stream
	index  int // in room.subscriptions
	inside bool
}

// NewHub makes a hub that stands at the newest event: streams of an earlier process come back with their cursors.
func NewHub(ctx context.Context, log Log, feed *Feed, logger *slog.Logger, limits Limits) (*Hub, error) {
	head, _, err := log.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		log: log, feed: feed, logger: logger, limits: limits, patience: deadAfter, position: head, moved: make(chan struct{}),
		streams: map[string]*Stream{}, users: map[int64]map[*Stream]struct{}{}, rooms: map[int64]*room{},
		leaving: map[int64]departure{}, away: newElsewhere(), unshared: map[place]models.Presence{},
		asking: map[string]chan models.PresenceAnswer{}, turns: newTurns(walkTurns, walkTurnsPerUser), noted: make(chan struct{}, 1), newsToTell: make(chan struct{}, 1),
	}
	if h.watcher, err = newWatcher(); err != nil {
		return nil, err
	}
	if log.Shared() {
		h.node = newNodeID()
		if err := log.EnterNode(ctx, h.node); err != nil {
			return nil, err
		}
		if h.away, err = loadElsewhere(ctx, log, h.node); err != nil {
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
func (h *Hub) reach(ctx context.Context, position int64) error {
	for {
		h.mu.Lock()
		at, moved := h.position, h.moved
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
	h.locked(func() {
		defer h.recent.outdate(events) // once for all of them, since it goes over all that is kept
		for len(events) > 0 {
			run := burstOf(events)
			if len(run) > 1 {
				h.deliverBurst(run)
			} else {
				h.before(run[0])
				h.deliver(run[0])
				h.after(run[0])
			}
			for _, e := range run {
				h.recent.add(e)
			}
			h.position = run[len(run)-1].Position
			events = events[len(run):]
		}
		close(h.moved)
		h.moved = make(chan struct{})
	})
}

// before makes those members whom e brings in, so that it is the first event that they see.
func (h *Hub) before(e *event) {
	if e.Name != models.EventMemberJoined && e.Name != models.EventRoomCreated || e.Audience.RoomID == 0 {
		return // a direct room that somebody comes back to, of which they alone are told, had them all the time
	}
	for _, userID := range []int64{e.Audience.UserID, e.Audience.PeerID} {
		for s := range h.users[userID] {
			if s.live {
				h.subscribe(s, e.Audience.RoomID)
			}
		}
	}
}

// after takes those out whom e removes, so that it is the last event that they see.
func (h *Hub) after(e *event) {
	a := e.Audience
	switch e.Name {
	case models.EventMemberLeft, models.EventMemberBanned:
		for s := range h.users[a.UserID] {
			h.unsubscribe(s, a.RoomID)
			h.exit(s, a.RoomID)
			s.silences.forgetRoom(a.RoomID)
		}
	case models.EventRoomDeleted:
		if r := h.rooms[a.RoomID]; r != nil {
			for s := range r.inside {
				s.ties.set(a.RoomID, func(t *tie) { t.entered = false })
			}
			for userID, v := range r.visitors {
				h.share(place{roomID: a.RoomID, userID: userID}, v.who, false, time.Now())
			}
			for _, sub := range r.subscriptions {
				sub.stream.ties.set(a.RoomID, func(t *tie) { t.sub = nil })
				sub.stream.silences.forgetRoom(a.RoomID)
			}
			delete(h.rooms, a.RoomID)
		}
	case models.EventMemberUpdated:
		for s := range h.users[a.UserID] {
			if s.live {
				s.silences.pass(e.LogEntry, s.userID)
			}
		}
	case models.EventBlockAdded, models.EventBlockRemoved:
		for _, userID := range []int64{a.UserID, a.PeerID} {
			for s := range h.users[userID] { // live or not: presence and typing come to those that walk, too
				s.silences.pass(e.LogEntry, userID)
			}
		}
	case models.EventNodeNews, models.EventNodeAsked:
		h.hear(e)
	case models.EventSessionRevoked:
		for s := range h.users[a.UserID] {
			if s.sessionID == a.SessionID {
				h.finish(s, e.frame)
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
			if f := e.frameFor(sub.inside, sub.stream.silences.cover(a.RoomID, a.UserID)); f != nil {
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
	h.pushRun(s, e.Position, e.Position, frame)
}

// pushRun is push for a piece that holds all that the stream sees of the events at positions from to upTo.
func (h *Hub) pushRun(s *Stream, from, upTo int64, piece []byte) {
	if !s.live || s.pushed >= upTo {
		return
	}
	s.pushed = upTo
	switch s.offer(piece, from) {
	case queued:
		h.dirty = append(h.dirty, s)
	case full:
		h.detach(s)
	}
}

func (h *Hub) room(id int64) *room {
	r := h.rooms[id]
	if r == nil {
		r = &room{inside: map[*Stream]struct{}{}, visitors: map[int64]*visitor{}}
		h.rooms[id] = r
	}
	return r
}

func (h *Hub) subscribe(s *Stream, roomID int64) {
	s.ties.set(roomID, func(t *tie) {
		if t.sub == nil {
			r := h.room(roomID)
			t.sub = &subscription{stream: s, index: len(r.subscriptions), inside: t.entered}
			r.subscriptions = append(r.subscriptions, t.sub)
		}
	})
}

func (h *Hub) unsubscribe(s *Stream, roomID int64) {
	sub := s.ties.sub(roomID)
	if sub == nil {
		return
	}
	h.drop(sub, roomID)
	s.ties.set(roomID, func(t *tie) { t.sub = nil })
}

// drop takes a subscription out of its room.
func (h *Hub) drop(sub *subscription, roomID int64) {
	r := h.rooms[roomID]
	last := len(r.subscriptions) - 1
	r.subscriptions[sub.index] = r.subscriptions[last]
	r.subscriptions[sub.index].index = sub.index
	r.subscriptions[last] = nil
	r.subscriptions = r.subscriptions[:last]
	h.forget(roomID, r)
}

// forget drops a room that nobody here hears of.
func (h *Hub) forget(roomID int64, r *room) {
	if len(r.subscriptions) == 0 && len(r.inside) == 0 {
		delete(h.rooms, roomID)
	}
}

// detach makes s no longer live: from here on it reads the log itself.
func (h *Hub) detach(s *Stream) {
	s.live = false
	for i, t := range s.ties {
		if t.sub != nil {
			h.drop(t.sub, t.roomID)
			s.ties[i].sub = nil
		}
	}
	s.ties = slices.DeleteFunc(s.ties, func(t tie) bool { return !t.entered })
}

// goLive makes s live if it stands where the hub stands. v is what it may see there.
func (h *Hub) goLive(s *Stream, v *view, position int64) (done bool) {
	h.locked(func() {
		if position != h.position {
			return
		}
		done = true
		if h.streams[s.id] != s || s.isOver() {
			return // it has ended; there is nothing left to do
		}
		s.live, s.pushed, s.silences = true, position, v.silences
		for _, roomID := range slices.Sorted(maps.Keys(v.rooms)) { // in their order, so that each is added at the end
			h.subscribe(s, roomID)
		}
		for _, roomID := range s.ties.rooms() {
			if s.ties.sub(roomID) == nil {
				h.exit(s, roomID)
			}
		}
		s.caughtUp()
	})
	return done
}
