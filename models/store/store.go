package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/parley-chat/parley/models"
)

// Config says which database to open.
type Config struct {
	// Database is a PostgreSQL URL (postgres://…) or the path of a SQLite file, made when it is not there. A SQLite file is
	// open in one process at a time.
	Database string
	// Retention is how long events are kept for streams that come back.
	Retention time.Duration
	// Lobby is the handle of the public room that every new account and guest is in, "" for none.
	Lobby string
	// FileQuota is how many bytes the files of one user may hold, 0 for no bound.
	FileQuota int64
	// Product is the issuer whose tokens are the only way into its users' accounts, "" for none.
	Product string
	// Committed is told the events of each commit, in the order of their positions. Commits that end at the same moment may
	// be told of in either order. It must not block: the next commit, or somebody's answer, waits for it.
	Committed func([]models.LogEntry)
	Log       *slog.Logger
}

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	writer  *gorm.DB // SQLite: one connection; PostgreSQL: the same pool as reader
	reader  *gorm.DB
	dialect dialect
	log     *slog.Logger

	epoch       string
	tokenSecret string
	retention   time.Duration
	fileQuota   int64 // bytes; 0 for no bound
	lobbyID     int64 // 0 for none
	product     string
	othersEnded bool // whether endOtherWays has ended what there was; the janitor's

	// What almost every request asks: from memory where this process is alone, otherwise gathered from those that ask at once.
	memory    *memory // nil where other processes may write to the database
	sessions  *gathering[string, sessionRow]
	standings *gathering[posting, standing]
	heads     *gathering[struct{}, int64]
	head      atomic.Int64 // of the log; only where there is a memory

	release  func() error // of the claim on the database
	writable writable
	online   atomic.Pointer[func(userID int64) bool] // see Online
	idleFrom int64                                   // the last guest that the janitor has looked at

	committed func([]models.LogEntry)
	sends     chan *send    // to the sender; never closed
	purges    chan struct{} // holds one wake-up for the janitor; never closed
	stop      context.CancelFunc
	stopped   <-chan struct{} // closed by stop
	ended     chan struct{}   // closed by the sender at its end
	done      sync.WaitGroup  // the sender and the janitor

	searches *models.Turns // of words
	pictured atomic.Int64  // whose picture was handed out last

	groups  atomic.Int64 // committed by the sender
	grouped atomic.Int64 // messages in them
}

// dialect is what differs between the two databases.
type dialect interface {
	// claim is called before all else, and makes the database this process's if it is not for several. It refuses one that
	// a newer version has migrated, or that is not whole, and has changed nothing then.
	claim(ctx context.Context) (release func() error, err error)
	open(ctx context.Context) (writer, reader *gorm.DB, err error)
	lookups
	// migrate runs the migrations under a lock, so that several nodes can start at once.
	migrate(ctx context.Context) error
	// migrations lists the migrations and when they were applied.
	migrations(ctx context.Context) ([]Migration, error)
	// origins names the place where the database lives, as well as the database can tell. Where there are two names,
	// either is right, and the first one is to be written down.
	origins(ctx context.Context, db *gorm.DB) ([]string, error)
	// leaveMark makes what origins answers next time, if it is still this database, known to the database.
	leaveMark(ctx context.Context, db *gorm.DB) error
	// shared reports whether several processes may be at work on the database.
	shared() bool
	// forUpdate is the clause that locks the rows of a SELECT until the transaction ends.
	forUpdate() string
	// skipLocked is forUpdate for whoever passes over rows that another transaction holds.
	skipLocked() string
	// transient reports whether a transaction that failed so did nothing and may be run again.
	transient(err error) bool
	groupDriver
	searchIndex
}

// Open migrates the database to the newest schema, opens it, and starts the goroutines that write to it.
func Open(ctx context.Context, c Config) (_ *Store, err error) {
	d, err := dialectFor(c.Database)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dialect: d, log: c.Log, retention: c.Retention, fileQuota: c.FileQuota, product: c.Product,
		sends: make(chan *send, sendQueue), purges: make(chan struct{}, 1), ended: make(chan struct{}), searches: models.NewTurns(searchesAtOnce, 1),
	}
	s.committed = func(entries []models.LogEntry) {
		s.moveHead(entries[len(entries)-1].Position)
		s.writable.wrote.Store(time.Now().UnixMilli())
		c.Committed(entries)
	}
	if !s.dialect.shared() {
		s.memory = newMemory()
	}
	s.sessions, s.standings = newGathering(s.loadSessions), newGathering(s.loadStandings)
	s.heads = newGathering(s.loadHead)
	if s.release, err = s.dialect.claim(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := s.dialect.migrate(ctx); err != nil {
		return nil, fmt.Errorf("migrate the database: %w", err)
	}
	if s.writer, s.reader, err = s.dialect.open(ctx); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := s.identify(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("read what this database is: %w", err), s.closePools())
	}
	if err := s.openLobby(ctx, c.Lobby); err != nil {
		return nil, errors.Join(fmt.Errorf("open the lobby: %w", err), s.closePools())
	}
	head, _, err := s.Bounds(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("find the head of the log: %w", err), s.closePools())
	}
	s.moveHead(head)
	running, stop := context.WithCancel(context.Background())
	s.stop, s.stopped = stop, running.Done()
	s.done.Go(func() { s.runSender(running) })
	s.done.Go(func() { s.runJanitor(running) })
	return s, nil
}

// Close waits for the group under way to commit and closes the database. Sends that are still waiting are answered
// with CodeUnavailable: they were not stored.
func (s *Store) Close() error {
	s.stop()
	s.done.Wait()
	return errors.Join(s.dialect.leaveMark(context.Background(), s.writer), s.closePools(), s.release())
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

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.read(ctx).Raw("SELECT 1").Scan(&one).Error
}

// TokenSecret is the secret made at the database's first start, the same for every node.
func (s *Store) TokenSecret() string { return s.tokenSecret }

// Epoch is the first part of every event id of this database.
func (s *Store) Epoch() string { return s.epoch }

func (s *Store) read(ctx context.Context) *gorm.DB { return s.reader.WithContext(ctx) }

type instanceRow struct {
	Epoch, TokenSecret, Origin string
}

// identify reads, or makes at the first start, the epoch and the token secret. A database that now lives elsewhere than
// at the last start was restored or moved: positions after the backup will be given out again, so old cursors must not
// be understood any more.
func (s *Store) identify(ctx context.Context) error {
	origins, err := s.dialect.origins(ctx, s.writer)
	if err != nil {
		return err
	}
	origin := origins[0]
	err = s.writer.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		err := tx.Exec(`INSERT INTO instance (id, epoch, token_secret, origin, created_at) VALUES (1, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`, newEpoch(), rand.Text()+rand.Text(), origin, models.Now().Millis()).Error
		if err != nil {
			return err
		}
		var row instanceRow
		err = tx.Raw("SELECT epoch, token_secret, origin FROM instance WHERE id = 1" + s.dialect.forUpdate()).Scan(&row).Error
		if err != nil {
			return err
		}
		if !slices.Contains(origins, row.Origin) {
			s.log.Warn("the database was restored or moved: clients that come back will read again", "origin", origin)
			row.Epoch = newEpoch()
			err = tx.Exec("UPDATE instance SET epoch = ?, origin = ? WHERE id = 1", row.Epoch, origin).Error
		}
		s.epoch, s.tokenSecret = row.Epoch, row.TokenSecret
		return err
	})
	if err != nil {
		return err
	}
	return s.dialect.leaveMark(ctx, s.writer)
}

func newEpoch() string { return strings.ToLower(rand.Text()[:10]) }

// openGorm opens gorm on a dialect. Raw queries that fail at once are handed on by gorm without asking the dialect what
// the error means; here it is asked, or a database that is gone would look like a defect.
func openGorm(dialector gorm.Dialector, config *gorm.Config) (*gorm.DB, error) {
	db, err := gorm.Open(dialector, config)
	if err != nil {
		return nil, err
	}
	err = db.Callback().Row().After("gorm:row").Register("parley:translate", func(tx *gorm.DB) {
		tx.Error = judged(tx, tx.Error)
	})
	return db, err
}

// judged is what the dialect makes of an error of the database that gorm has not asked it about.
func judged(db *gorm.DB, err error) error {
	var known *models.Error
	judge, ok := db.Dialector.(gorm.ErrorTranslator)
	if err == nil || !ok || errors.As(err, &known) {
		return err
	}
	return judge.Translate(err)
}

// gormConfig is the same for both databases. Connections keep their prepared statements themselves: those of pgx, and
// those of SQLite by sqlite_statements.go.
func gormConfig() *gorm.Config {
	return &gorm.Config{
		QueryFields:            true, // see columns.go
		SkipDefaultTransaction: true,
		TranslateError:         true,
		Logger:                 logger.Discard, // errors are returned, and logged once, at the edge
	}
}

const (
	// writableFor is how long a write that went well says that the next one will.
	writableFor = 5 * time.Second
	// writeAgain is how often a write is tried while none goes well, at most.
	writeAgain = time.Second
	// writeTime bounds a write that is tried.
	writeTime = 2 * time.Second
)

// writable is what is known of whether the database takes writes.
type writable struct {
	mu    sync.Mutex   // held while a write is tried
	tried time.Time    // guarded by mu
	err   error        // guarded by mu: of that try
	wrote atomic.Int64 // when the last commit that told of events went well, in milliseconds since 1970
}

// CheckWrites is nil while the database takes writes. If there was none for a while, it tries one, of a row that stays as
// it is, and remembers for a moment what came of it, however many ask.
func (s *Store) CheckWrites(ctx context.Context) error {
	w := &s.writable
	if time.Since(time.UnixMilli(w.wrote.Load())) < writableFor {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	valid := writableFor
	if w.err != nil {
		valid = writeAgain
	}
	if !w.tried.IsZero() && time.Since(w.tried) < valid {
		return w.err
	}
	// What came of it is everybody's to know, also when the one who asked has gone meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	w.err = s.writer.WithContext(ctx).Exec("UPDATE instance SET origin = origin WHERE id = 1").Error
	w.tried = time.Now()
	return w.err
}
