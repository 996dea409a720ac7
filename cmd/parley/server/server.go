// Package server wires the parts of Parley together, and stops them in order.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/parley-chat/parley/cmd/parley/version"
	"github.com/parley-chat/parley/handlers"
	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
	"github.com/parley-chat/parley/sse"
)

const (
	// readyTimeout is how long the database may take to respond; if it takes longer, the server is not ready.
	readyTimeout = 2 * time.Second
	// streamGrace is how long a stop waits at most for the streams' last events.
	streamGrace = 7 * time.Second
)

// Config is the configuration of a server. Each field is the value of the flag of that name.
type Config struct {
	DataDir  string // the folder for everything that Parley stores on this machine
	Database string // postgres://… for PostgreSQL; "" for a SQLite file in the data folder

	Listen            string        // an address and a port; port 0 for any free port
	TokenSecret       string        // signs the access tokens; "" for the one that is stored in the database
	PublicURL         string        // the address at which clients reach this server; "" to take it from the request
	Guests            bool          // users may enter with a username only
	EventRetention    time.Duration // how long events are kept for streams that resume
	CORSOrigins       []string      // origins whose pages may call the API
	Files             string        // a folder, or s3://bucket?…; "" for a folder in the data folder
	MaxFileSize       ByteSize
	FileQuota         ByteSize         // the total size of one user's files; 0 for no limit
	Lobby             string           // the handle of a public room that every new user is in, or "none"
	PresenceRoomLimit int              // a room with more members sends no user.online and user.offline
	PresentAnnounced  int              // in a room with more users present, nobody is told who enters or types
	RateLimited       bool             // the requests and streams of one user are limited
	RequestsPerMinute int              // of one user, or of one network without a good token
	OIDC              []string         // providers to log in through, as name=…,issuer=…,client_id=…,client_secret=…
	JWTIssuer         string           // issues JWTs that users log in with; "" for none
	JWTAudience       string           // the audience that those JWTs must have
	JWTSecret         string           // the secret that signs those JWTs; either this or JWTKeys
	JWTKeys           string           // the URL of the public keys of those JWTs
	JWTAlgorithm      string           // the only algorithm of those JWTs; "" for HS256 with a secret, RS256 with keys
	JWTLink           bool             // users of that issuer may also set a password and link other log-ins
	NATS              string           // nats://…, which connects the servers of a PostgreSQL database; "" for none
	DrainDelay        time.Duration    // how long a stopping server, no longer ready, still handles requests
	LogFormat         string           // auto, text or json
	TrustedProxies    handlers.Proxies // proxies whose Forwarded and X-Forwarded-For are trusted
	MinFreeDisk       FreeSpace        // writes are refused when less is free on a disk of the data or the files
	Limits            *deadline.Limits // nil for the defaults
}

// DatabaseName returns the name of the database for package store: a PostgreSQL URL, or the path of a SQLite file.
func (c Config) DatabaseName() string {
	if c.Database != "" {
		return c.Database
	}
	return filepath.Join(c.DataDir, "parley.db")
}

// Serve runs a server until ctx is done or its listener fails, and then stops it in order. Once the server is ready,
// Serve writes its addresses and where its data is to out. The server logs to logs.
func Serve(ctx context.Context, c Config, out, logs io.Writer) error {
	s, err := Start(ctx, c, logs)
	if err != nil {
		return err
	}
	build := version.Current()
	s.log.Info("ready", "url", s.URL, "version", build.Version, "commit", build.Commit, "go", build.Go)
	fmt.Fprint(out, c.banner(s.URL))
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-s.HTTP.failed:
	}
	return errors.Join(failed, s.Stop())
}

// Server is a running server. Its parts are started in the order of the fields and stopped in reverse order. Store, Hub
// and HTTP are exported for the tests alone, which use them for what no client can do: fill a large database, advance
// the hub's time, and count the connections that are still open.
type Server struct {
	URL            string
	log            *slog.Logger
	commits        *sse.CommitQueue
	dataDir        func() error // unlocks the data folder; nil for nodes that may share it
	listener       *net.TCPListener
	Store          *store.Store
	files          *fileServices
	space          *space // nil before it is started
	Hub            *sse.Hub
	bus            *sse.Bus // nil for a single node
	consumer       sync.WaitGroup
	stopConsumer   context.CancelFunc
	forceClose     context.Context    //nolint:containedctx // done when requests must not wait for their clients any more
	cancelRequests context.CancelFunc // ends forceClose
	HTTP           *HTTPServer
	closed         atomic.Bool
	drain          time.Duration // from the moment when the server is no longer ready to the end of the streams
}

// Start starts a server, which logs to logs. Invalid settings are an error before the database is opened.
func Start(ctx context.Context, c Config, logs io.Writer) (_ *Server, err error) {
	logins, err := c.logins()
	if err != nil {
		return nil, err
	}
	s := &Server{log: c.logger(logs), commits: sse.NewCommitQueue(), drain: c.DrainDelay}
	if err := c.checkJWTSecret(s.log); err != nil {
		return nil, err
	}
	s.forceClose, s.cancelRequests = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.abort())
		}
	}()
	if err := c.openExclusive(ctx, s); err != nil {
		return nil, err
	}
	if err := c.openStore(ctx, s); err != nil {
		return nil, err
	}
	if s.files, err = c.openFiles(ctx, s.Store, s.log); err != nil {
		return nil, err
	}
	s.space = watchSpace(c.watchedFolders(), c.MinFreeDisk, s.log)
	if s.Hub, err = sse.NewHub(ctx, s.Store, s.commits, s.log, c.streamLimits()); err != nil {
		return nil, err
	}
	s.Store.Online(s.Hub.Online)
	if err := c.connectBus(s); err != nil {
		return nil, err
	}
	handler, err := c.handler(s, logins)
	if err != nil {
		return nil, err
	}
	consuming, stopConsumer := context.WithCancel(context.Background())
	s.stopConsumer = stopConsumer
	s.consumer.Go(func() { s.Hub.Run(consuming) })
	s.files.run()
	s.URL = "http://" + s.listener.Addr().String()
	s.HTTP = serveHTTP(s.listener, handler, c.times(), c.TrustedProxies, s.log)
	return s, nil
}

// openExclusive opens what only one server can use: the address, and the data folder unless the database is shared.
// Nodes that share a database may share the folder too.
func (c Config) openExclusive(ctx context.Context, s *Server) error {
	shared, err := store.Shared(c.DatabaseName())
	if err != nil {
		return fmt.Errorf("--database: %w", err)
	}
	if !shared {
		if s.dataDir, err = openDataDir(ctx, c.DataDir); err != nil {
			return err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return err
	}
	s.listener = listener.(*net.TCPListener)
	return nil
}

func (c Config) streamLimits() sse.Limits {
	limits := sse.Limits{
		Streams: models.MaxStreamsPerUser, PresenceRoom: c.PresenceRoomLimit, PresentUsers: c.PresentAnnounced,
	}
	if !c.RateLimited {
		limits.Streams = 0
	}
	return limits
}

func (c Config) openStore(ctx context.Context, s *Server) error {
	lobby := strings.TrimPrefix(c.Lobby, "#")
	if lobby == "none" {
		lobby = ""
	}
	var err error
	s.Store, err = store.Open(ctx, store.Config{
		Database: c.DatabaseName(), Retention: c.EventRetention, Lobby: lobby, FileQuota: int64(c.FileQuota),
		Product: c.product(), Committed: s.commits.Committed, Log: s.log,
	})
	return err
}

// connectBus connects this node to the others if NATS is set.
func (c Config) connectBus(s *Server) (err error) {
	switch {
	case c.NATS == "":
	case !s.Store.Shared():
		err = errors.New("--nats connects servers that share a PostgreSQL database: --database must name one")
	default:
		s.bus, err = sse.ConnectBus(s.Hub, c.NATS)
	}
	return err
}

func (c Config) handler(s *Server, by logins) (http.Handler, error) {
	secret := c.TokenSecret
	if secret == "" {
		secret = s.Store.TokenSecret()
	}
	keys, err := token.New(secret)
	if err != nil {
		return nil, err
	}
	return handlers.New(handlers.Config{
		Providers: by.providers, Issuer: by.issuer,
		Stores: storesOf(s.Store), Streams: s.Hub, Blobs: s.files.blobs, Pictures: s.files.pictures, Space: s.space.err,
		Tokens: keys, Log: s.log, Metrics: s.metrics(), Ready: s.ready, Stopping: s.forceClose,
		Contract: api.Contract, Events: api.StreamContract, Limits: c.times(),
		Settings: handlers.Settings{
			Proxies: c.TrustedProxies, Guests: c.Guests, PublicURL: c.PublicURL, CORSOrigins: c.CORSOrigins,
			RateLimit: c.RateLimited, RequestsPerMinute: c.RequestsPerMinute, MaxFileSize: int64(c.MaxFileSize),
		},
	}), nil
}

// storesOf gives each resource what it needs of the one store.
func storesOf(db *store.Store) handlers.Stores {
	return handlers.Stores{
		Callers: db, Guesses: db, Users: db, Passwords: db, Sessions: db, AuthProviders: db, Identities: db,
		Rooms: db, Members: db, Bans: db, Invites: db, Contacts: db, Blocks: db, Messages: db, Files: db,
		Uploads: db, Typing: db, Presence: db, Search: db, Reactions: db, Pins: db,
	}
}

// ready returns nil if a proxy should send requests to this server, and otherwise the reason why not.
func (s *Server) ready(ctx context.Context) error {
	if s.closed.Load() {
		return models.Errorf(models.CodeUnavailable, "This server is stopping.")
	}
	if err := s.Hub.CheckHealth(); err != nil {
		return err
	}
	if err := s.space.err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		return err
	}
	return s.Store.CheckWrites(ctx)
}

// Stop stops the server in this order: the server is no longer ready; after the drain delay, in which proxies notice
// that, the streams get server.closing and end; active requests finish or are aborted; the log consumer and the bus
// stop; the files and the store close. It takes less than 15 seconds plus the drain delay. An aborted request is not an
// error: it was not acknowledged, or it can be continued.
func (s *Server) Stop() error {
	s.closed.Store(true)
	s.Hub.StopAccepting()
	s.HTTP.draining.Store(true)
	<-time.After(s.drain)
	ctx, cancel := context.WithTimeout(context.Background(), streamGrace)
	defer cancel()
	if err := s.Hub.Close(ctx); err != nil {
		s.log.Warn("some streams did not receive their last event in time", "error", err)
	}
	s.cancelRequests()
	err := s.HTTP.stop()
	s.stopConsumer()
	s.consumer.Wait()
	return errors.Join(err, s.close())
}

// abort closes what a failed start has opened.
func (s *Server) abort() error {
	s.cancelRequests()
	if s.listener == nil {
		return s.close()
	}
	return errors.Join(s.listener.Close(), s.close())
}

// close closes the bus, the files, the store and the data folder, as far as they were opened.
func (s *Server) close() error {
	if s.bus != nil {
		s.bus.Close()
	}
	if s.space != nil {
		s.space.close()
	}
	var errs []error
	if s.files != nil {
		errs = append(errs, s.files.close())
	}
	if s.Store != nil {
		errs = append(errs, s.Store.Close())
	}
	if s.dataDir != nil {
		errs = append(errs, s.dataDir())
	}
	return errors.Join(errs...)
}

func (c Config) logger(w io.Writer) *slog.Logger {
	format := c.LogFormat
	if file, ok := w.(*os.File); format == "auto" && ok && isatty.IsTerminal(file.Fd()) {
		format = "text"
	}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}
