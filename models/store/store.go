package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// Config says which database to open, and how.
type Config struct {
	// Database is a PostgreSQL URL (postgres://…) or the path of a SQLite file, which is created if it does not exist. A
	// SQLite file is open in one process at a time.
	Database string
	// Retention is how long events are kept for streams that reconnect.
	Retention time.Duration
	// Lobby is the handle of the public room that every new account and guest is in, "" for none.
	Lobby string
	// FileQuota is the most bytes that the files of one user may have, 0 for no limit.
	FileQuota int64
	// Product is the issuer whose tokens are the only way into its users' accounts, "" for none.
	Product string
	// Committed is called with the events of each commit, in the order of their positions. Two commits that end at the
	// same moment may be reported in either order. It must not block: the next commit, or a caller, waits for it.
	Committed func([]models.LogEntry)
	Log       *slog.Logger
}

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	writer  *gorm.DB // SQLite: one connection; PostgreSQL: the same pool as reader
	reader  *gorm.DB
	dialect database.Dialect
	log     *slog.Logger

	epoch            string
	tokenSecret      string
	retention        time.Duration
	fileQuota        int64 // bytes; 0 for no limit
	lobbyID          int64 // 0 for none
	product          string
	otherLoginsEnded bool // whether endOtherLogins has finished; the janitor's

	// What almost every request asks for: cached, and read for all requests together that wait at the same moment.
	cache    *cache
	sessions *coalescer[string, database.Session]
	members  *coalescer[database.MembershipKey, database.Member]
	bounds   *coalescer[struct{}, logBounds]
	visible  *coalescer[visibilityKey, models.Visibility]
	returns  *coalescer[string, struct{}] // touches sessions that were not used for long
	head     atomic.Int64                 // of the log, as far as this process knows: where it is alone, that is all

	release  func() error // of the claim on the database
	writable writable
	online   atomic.Pointer[func(userID int64) bool] // see Online
	idleFrom int64                                   // the last guest that the janitor has looked at

	committed func([]models.LogEntry)
	sends     chan *send    // the commit queue; never closed
	purges    chan struct{} // holds one wake-up for the janitor; never closed
	unindexed chan struct{} // holds one wake-up for the indexer; never closed
	stop      context.CancelFunc
	stopped   <-chan struct{} // closed by stop
	ended     chan struct{}   // closed when the commit queue has ended
	touches   *touches
	done      sync.WaitGroup // of the goroutines that Open starts

	indexing sync.Mutex               // held while messages are indexed
	indexed  atomic.Int64             // the position up to which messages are indexed, as far as this process knows
	searches *models.ConcurrencyLimit // of word searches
	pictured atomic.Int64             // the user whose picture was handed out last

	batches atomic.Int64 // committed by the commit queue
	batched atomic.Int64 // messages in them
}

// Open migrates the database to the newest schema, opens it, and starts the goroutines that write to it.
func Open(ctx context.Context, c Config) (_ *Store, err error) {
	s, err := newStore(c)
	if err != nil {
		return nil, err
	}
	if s.release, err = s.dialect.Claim(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := s.dialect.Migrate(ctx); err != nil {
		return nil, fmt.Errorf("migrate the database: %w", err)
	}
	if s.writer, s.reader, err = s.dialect.Open(ctx); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := s.prepare(ctx, c.Lobby); err != nil {
		return nil, errors.Join(err, s.closePools())
	}
	running, stop := context.WithCancel(context.Background())
	s.stop, s.stopped = stop, running.Done()
	s.done.Go(func() { s.runCommitQueue(running) })
	s.done.Go(func() { s.runIndexer(running) })
	s.done.Go(func() { s.runJanitor(running) })
	s.done.Go(func() { s.runTouches(running) })
	return s, nil
}

func newStore(c Config) (*Store, error) {
	d, err := dialectFor(c.Database)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dialect: d, log: c.Log, retention: c.Retention, fileQuota: c.FileQuota, product: c.Product,
		touches: newTouches(), sends: make(chan *send, sendQueue), purges: make(chan struct{}, 1),
		unindexed: make(chan struct{}, 1), ended: make(chan struct{}),
		searches: models.NewConcurrencyLimit(searchesAtOnce, 1),
	}
	s.committed = func(entries []models.LogEntry) {
		s.moveHead(entries[len(entries)-1].Position)
		s.wakeIndexer(entries[len(entries)-1].Position)
		s.writable.wrote.Store(time.Now().UnixMilli())
		c.Committed(entries)
	}
	s.cache = newCache(!d.Shared())
	s.sessions, s.members = newCoalescer(s.loadSessions), newCoalescer(s.loadMembers)
	s.bounds, s.visible = newCoalescer(s.loadBounds), newCoalescer(s.loadVisibility)
	s.returns = newCoalescer(s.storeReturns)
	return s, nil
}

// prepare reads, or creates, what the store needs to know of the open database.
func (s *Store) prepare(ctx context.Context, lobby string) error {
	if err := s.identify(ctx); err != nil {
		return fmt.Errorf("read the identity of the database: %w", err)
	}
	if err := s.openLobby(ctx, lobby); err != nil {
		return fmt.Errorf("open the lobby: %w", err)
	}
	b, err := s.readBounds(ctx)
	if err != nil {
		return fmt.Errorf("find the head of the log: %w", err)
	}
	s.moveHead(b.head)
	return nil
}

// Close waits for the batch of messages that is being committed, and closes the database. Sends that still wait fail
// with CodeUnavailable: they were not stored.
func (s *Store) Close() error {
	s.stop()
	s.done.Wait()
	return errors.Join(s.dialect.LeaveMark(context.Background(), s.writer), s.closePools(), s.release())
}

func (s *Store) closePools() error {
	var errs []error
	seen := map[*sql.DB]bool{}
	for _, g := range []*gorm.DB{s.writer, s.reader} {
		pool, err := g.DB()
		if err == nil && !seen[pool] {
			seen[pool] = true
			err = pool.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Store) read(ctx context.Context) *gorm.DB { return s.reader.WithContext(ctx) }
