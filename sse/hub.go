package sse

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/models"
)

// Log is the event log and what else the push side reads and writes in the database. models/store implements it.
type Log interface {
	Users
	Nodes
	Epoch() string
	// Bounds returns the newest position, and the newest position that has been pruned.
	Bounds(ctx context.Context) (head, pruned int64, err error)
	// Head returns a cursor that includes everything that was committed before the call.
	Head(ctx context.Context) (models.Cursor, error)
	Entries(ctx context.Context, after int64, limit int) ([]models.LogEntry, error)
	EntriesFor(ctx context.Context, userID, after, upTo int64, limit int) ([]models.LogEntry, error)
	Visibility(ctx context.Context, userID, after int64) (models.Visibility, error)
}

// Users are the users and their sessions.
type Users interface {
	User(ctx context.Context, path models.UserPath) (models.User, error)
	// Acquaintances returns the users who are notified when the user comes online or goes offline. A room with more than
	// roomLimit members does not count.
	Acquaintances(ctx context.Context, userID int64, roomLimit int) ([]int64, error)
	// SaveLastSeen stores when users were last online.
	SaveLastSeen(ctx context.Context, at map[int64]models.Time) error
	// CheckSession returns nil while the caller's session is valid.
	CheckSession(ctx context.Context, caller models.Caller) error
}

// Nodes are the servers that share a database, and who is present at each of them.
type Nodes interface {
	// Shared reports whether other nodes may use the same database. The other methods are called only then.
	Shared() bool
	// RegisterNode registers a node, Heartbeat renews it, PublishPresence publishes its presence changes, RemoveNode
	// removes it. RequestPresence sends a presence request to another node.
	RegisterNode(ctx context.Context, node string) error
	Heartbeat(ctx context.Context, node string) (heartbeats map[string]int64, err error)
	PublishPresence(ctx context.Context, update models.PresenceUpdate) error
	RemoveNode(ctx context.Context, node string, heartbeat int64, at models.Time) error
	RequestPresence(ctx context.Context, request models.PresenceRequest) error
	Presences(ctx context.Context) (map[string][]models.Presence, error)
}

// Limits are set by the operator.
type Limits struct {
	Streams      int // per user; 0 means no limit
	PresenceRoom int // in a room with more members, nobody is notified who comes online or goes offline
	PresentUsers int // in a room with more users present, nobody is notified who enters or types; 0 means no limit
}

// Hub holds the streams of this node and decides which of them get an event.
type Hub struct {
	log              Log
	commits          *CommitQueue
	bus              *Bus // nil for a node without a bus; set by ConnectBus
	logger           *slog.Logger
	limits           Limits
	deadPeerTimeout  time.Duration // the constant of that name, except in tests
	lastFrameTimeout time.Duration // as well
	openWait         time.Duration // as well
	beforeReplay     func(*replay) // nil, except in tests: called when a replay begins
	nodeID           string        // of this process among those of the database; "" if it is not shared

	ctx         context.Context // of replays; cancelled when the hub has closed
	cancel      context.CancelFunc
	accepting   context.Context // of streams that wait to be opened; cancelled when no more are
	refuseAll   context.CancelFunc
	goroutines  sync.WaitGroup // of all streams
	peers       *peerWatcher
	replaySlots *replaySlots // limits the streams that open or replay at the same time
	flushes     *flushQueue

	mu               sync.Mutex
	position         int64         // the log has been applied up to here
	positionMoved    chan struct{} // closed and replaced when position changes
	closing          bool
	streams          map[string]*Stream
	users            map[int64]map[*Stream]struct{}
	rooms            map[int64]*room
	cache            eventCache
	toFlush          []*Stream                // streams with queued frames, for unlock to flush or to add to flushes
	ended            endedStreams             // streams that unlock has yet to remove; has its own lock
	pendingOffline   map[int64]pendingOffline // users whose last stream ended less than offlineDelay ago
	statusChanges    []status                 // for runStatusQueue to publish, in order
	remote           remotePresence
	presenceChanges  map[presenceKey]models.Presence         // for keepLease to publish to the other nodes
	presenceRequests []models.PresenceRequest                // from other nodes, for keepLease to handle
	pendingRequests  map[string]chan models.PresenceResponse // to other nodes, without a response yet, by request id

	otherNodes     atomic.Int64  // how many there are
	remoteOutdated atomic.Bool   // Run has to load remote again
	logRead        atomic.Bool   // since the watchdog last looked
	partitioned    atomic.Bool   // set by the watchdog: the log could not be read for too long
	streamsOpened  atomic.Int64  // since the start
	statusSignal   chan struct{} // wakes runStatusQueue; capacity 1, never closed
	presenceSignal chan struct{} // wakes keepLease; capacity 1, never closed
}

// NewHub returns a hub positioned at the newest event. Clients of an earlier process resume with their cursors.
func NewHub(ctx context.Context, log Log, commits *CommitQueue, logger *slog.Logger, limits Limits) (*Hub, error) {
	head, pruned, err := log.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		log: log, commits: commits, logger: logger, limits: limits, deadPeerTimeout: deadPeerTimeout,
		lastFrameTimeout: lastFrameTimeout, openWait: openWait,
		position: head, positionMoved: make(chan struct{}),
		streams: map[string]*Stream{}, users: map[int64]map[*Stream]struct{}{}, rooms: map[int64]*room{},
		pendingOffline: map[int64]pendingOffline{}, remote: newRemotePresence(),
		presenceChanges: map[presenceKey]models.Presence{},
		pendingRequests: map[string]chan models.PresenceResponse{},
		replaySlots:     newReplaySlots(replaySlotCount, replaySlotsPerUser),
		flushes:         newFlushQueue(runtime.GOMAXPROCS(0)),
		statusSignal:    make(chan struct{}, 1), presenceSignal: make(chan struct{}, 1),
	}
	if err := h.fillCache(ctx, pruned); err != nil {
		return nil, err
	}
	if h.peers, err = newPeerWatcher(); err != nil {
		return nil, err
	}
	if log.Shared() {
		h.nodeID = newNodeID()
		if err := log.RegisterNode(ctx, h.nodeID); err != nil {
			return nil, err
		}
		if h.remote, err = loadRemotePresence(ctx, log, h.nodeID); err != nil {
			return nil, err
		}
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.accepting, h.refuseAll = context.WithCancel(context.Background())
	return h, nil
}

// Count returns how many streams are open at this node, and how many users have at least one.
func (h *Hub) Count() (streams, users int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams), len(h.users)
}

func (h *Hub) cursor(position int64) string {
	return models.Cursor{Epoch: h.log.Epoch(), Position: position}.String()
}

// waitForPosition waits until the hub has applied the log up to position.
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

// currentPosition returns the position up to which the hub has applied the log. Only the log consumer changes it.
func (h *Hub) currentPosition() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position
}
