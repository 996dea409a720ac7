package sse

import (
	"context"
	"log/slog"
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
	log             Log
	commits         *Feed
	bus             *Bus // nil for a node that is alone; set by Join
	logger          *slog.Logger
	limits          Limits
	deadPeerTimeout time.Duration // deadAfter, except in tests
	nodeID          string        // names this process to those that share the database; "" when none can

	ctx         context.Context // of the walks; over when the hub has closed
	cancel      context.CancelFunc
	goroutines  sync.WaitGroup // every goroutine of every stream
	peers       *peerWatcher
	replaySlots *replaySlots // of the streams that walk

	mu               sync.Mutex
	position         int64         // the log has been applied up to here
	positionMoved    chan struct{} // closed, and replaced, when position moves
	closing          bool
	streams          map[string]*Stream
	users            map[int64]map[*Stream]struct{}
	rooms            map[int64]*room
	cache            eventCache
	toFlush          []*Stream           // have something queued since the last flush
	ended            endedStreams        // streams that are over, until unlock removes them; has a lock of its own
	departures       map[int64]departure // users whose last stream ended a moment ago
	statusChanges    []status            // to be told, in order, by tellStatuses
	remote           remotePresence
	presenceChanges  map[presenceKey]models.Presence       // to be told to the other nodes, by keepLease
	presenceRequests []models.PresenceAsk                  // to be answered by keepLease
	pendingRequests  map[string]chan models.PresenceAnswer // requests that wait for another node, by id

	otherNodes     atomic.Int64  // the other nodes
	remoteOutdated atomic.Bool   // away has to be read again, by Run
	logRead        atomic.Bool   // the log was read; guard takes it back
	partitioned    atomic.Bool   // the log could not be read for too long; by guard
	streamsOpened  atomic.Int64  // streams, ever
	statusSignal   chan struct{} // holds one wake-up for tellStatuses; never closed
	presenceSignal chan struct{} // holds one wake-up for keepLease; never closed
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

// at is the position up to which the hub has applied the log. Only Run moves it.
func (h *Hub) currentPosition() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position
}
