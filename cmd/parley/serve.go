package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/parley-chat/parley/handlers"
	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
	"github.com/parley-chat/parley/sse"
)

const (
	// readyTimeout is how long the database may take to answer for the server to be ready.
	readyTimeout = 2 * time.Second
	// streamGrace bounds how long a stop waits for the streams' last events.
	streamGrace = 7 * time.Second
)

type serveCmd struct {
	databaseFlags
	Listen            string           `env:"PARLEY_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to listen (default: ${default})."`
	TokenSecret       string           `env:"PARLEY_TOKEN_SECRET" placeholder:"SECRET" help:"Signs the access tokens; by default made at the first start and kept in the database."`
	PublicURL         string           `env:"PARLEY_PUBLIC_URL" placeholder:"URL" help:"Where clients reach this server; by default taken from the request."`
	Guests            bool             `env:"PARLEY_GUESTS" default:"true" negatable:"" help:"Let people in with a username alone (default: ${default})."`
	EventRetention    time.Duration    `env:"PARLEY_EVENT_RETENTION" default:"168h" placeholder:"DURATION" help:"How long events are kept for streams that come back (default: ${default})."`
	CORSOrigins       []string         `name:"cors-origins" env:"PARLEY_CORS_ORIGINS" placeholder:"ORIGIN,…" help:"Origins whose pages may call the API; none by default."`
	Files             string           `env:"PARLEY_FILES" placeholder:"PLACE" help:"Where the bytes of files are: a folder, or s3://bucket?endpoint=…&region=…; by default a folder in the data folder."`
	MaxFileSize       byteSize         `env:"PARLEY_MAX_FILE_SIZE" default:"100MB" placeholder:"SIZE" help:"The largest file (default: ${default})."`
	FileQuota         byteSize         `env:"PARLEY_FILE_QUOTA" default:"10GB" placeholder:"SIZE" help:"What the files of one user may hold together; 0 for no bound (default: ${default})."`
	Lobby             string           `env:"PARLEY_LOBBY" default:"lobby" placeholder:"HANDLE" help:"A public room that every new account and guest is in, or none (default: ${default})."`
	PresenceRoomLimit int              `env:"PARLEY_PRESENCE_ROOM_LIMIT" default:"500" placeholder:"MEMBERS" help:"A room with more members sends no user.online and user.offline (default: ${default})."`
	RateLimit         string           `env:"PARLEY_RATE_LIMIT" enum:"on,off" default:"on" help:"on or off: whether one user's requests and streams are bounded (default: ${default})."`
	OIDC              []string         `name:"oidc" env:"PARLEY_OIDC" sep:";" placeholder:"name=…,issuer=…,client_id=…,client_secret=…" help:"A provider of OpenID Connect, or GitHub, to log in through; repeatable, in the variable with ; in between; none by default."`
	JWTIssuer         string           `name:"jwt-issuer" env:"PARLEY_JWT_ISSUER" placeholder:"ISSUER" help:"Who vouches for users with JWTs of their own; nobody by default."`
	JWTAudience       string           `name:"jwt-audience" env:"PARLEY_JWT_AUDIENCE" placeholder:"AUDIENCE" help:"What those JWTs must be for; needed with an issuer."`
	JWTSecret         string           `name:"jwt-secret" env:"PARLEY_JWT_SECRET" placeholder:"SECRET" help:"What those JWTs are signed with, 32 bytes at least; this, or --jwt-jwks."`
	JWTKeys           string           `name:"jwt-jwks" env:"PARLEY_JWT_JWKS" placeholder:"URL" help:"Where the public keys of those JWTs are."`
	JWTAlgorithm      string           `name:"jwt-algorithm" env:"PARLEY_JWT_ALGORITHM" placeholder:"NAME" help:"The only algorithm of those JWTs; HS256 by default with a secret, RS256 with keys."`
	NATS              string           `name:"nats" env:"PARLEY_NATS" placeholder:"URL" help:"nats://…: joins the nodes that share a PostgreSQL database; none by default."`
	DrainDelay        time.Duration    `env:"PARLEY_DRAIN_DELAY" default:"0s" placeholder:"DURATION" help:"How long a server that stops still answers, not ready any more, so that a proxy goes elsewhere first (default: ${default})."`
	LogFormat         string           `env:"PARLEY_LOG_FORMAT" enum:"auto,text,json" default:"auto" help:"text or json; by default text on a terminal and json elsewhere."`
	JWTLink           bool             `name:"jwt-link" env:"PARLEY_JWT_LINK" help:"Let the users of that issuer also set a password and link other log-ins, which outlive its tokens (default: false)."`
	TrustedProxies    handlers.Proxies `env:"PARLEY_TRUSTED_PROXIES" placeholder:"CIDR,…" help:"Networks and addresses of proxies whose Forwarded and X-Forwarded-For are believed; none by default."`
	MinFreeDisk       freeSpace        `env:"PARLEY_MIN_FREE_DISK" default:"auto" placeholder:"SIZE" help:"Writes are refused when less than this is free on the disk of the data or the files; auto is 5 % of it, 1GB at most, and 0 for no bound (default: ${default})."`

	Limits *deadline.Limits `kong:"-"` // nil for the default ones; tests have less patience
}

// Run serves until the first SIGINT or SIGTERM and then stops in order. A second signal ends the process at once.
func (c serveCmd) Run(ctx context.Context) error {
	s, err := c.start(ctx, os.Stderr)
	if err != nil {
		return err
	}
	fmt.Print(c.banner(s.url))
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-s.http.failed:
	}
	return errors.Join(failed, s.stop())
}

// server is Parley, running. Its fields are in the order in which they are started; stop goes the other way round.
type server struct {
	url      string
	log      *slog.Logger
	feed     *sse.Feed
	dataDir  func() error // lets go of the data folder; nil for nodes that may share it
	listener *net.TCPListener
	store    *store.Store
	files    *fileServices
	space    *space // nil until it is watched
	hub      *sse.Hub
	bus      *sse.Bus // nil for a node that is alone
	tail     sync.WaitGroup
	stopIt   context.CancelFunc // ends the tail
	hurry    context.Context    //nolint:containedctx // over when no request should wait for its client any more
	urge     context.CancelFunc // ends hurry
	http     *httpServer
	closed   atomic.Bool
	drain    time.Duration // from the failing of readiness to the end of the streams
}

// start wires the parts together, top to bottom. Whatever can be known to be wrong is found before the database is opened.
func (c serveCmd) start(ctx context.Context, logs io.Writer) (_ *server, err error) {
	logins, err := c.logins()
	if err != nil {
		return nil, err
	}
	s := &server{log: c.logger(logs), feed: sse.NewFeed(), drain: c.DrainDelay}
	s.hurry, s.urge = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.giveUp())
		}
	}()
	if err := c.openPlaces(ctx, s); err != nil {
		return nil, err
	}
	if err := c.openStore(ctx, s); err != nil {
		return nil, err
	}
	if s.files, err = c.openFiles(ctx, s.store, s.log); err != nil {
		return nil, err
	}
	s.space = watchSpace(c.places(), c.MinFreeDisk, s.log)
	if s.hub, err = sse.NewHub(ctx, s.store, s.feed, s.log, c.streamLimits()); err != nil {
		return nil, err
	}
	s.store.Online(s.hub.Online)
	if err := c.join(s); err != nil {
		return nil, err
	}
	handler, err := c.handler(s, logins)
	if err != nil {
		return nil, err
	}
	tailing, stopIt := context.WithCancel(context.Background())
	s.stopIt = stopIt
	s.tail.Go(func() { s.hub.Run(tailing) })
	s.files.run()
	s.url = "http://" + s.listener.Addr().String()
	s.http = serveHTTP(s.listener, handler, c.times(), c.TrustedProxies, s.log)
	return s, nil
}

// openPlaces takes what only one server can have: the data folder, if there is a database in it or files of one, and the
// address. Nodes that share a database may share the folder too.
func (c serveCmd) openPlaces(ctx context.Context, s *server) error {
	shared, err := store.Shared(c.name())
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

func (c serveCmd) streamLimits() sse.Limits {
	limits := sse.Limits{Streams: models.MaxStreamsPerUser, PresenceRoom: c.PresenceRoomLimit}
	if !c.limited() {
		limits.Streams = 0
	}
	return limits
}

// limited reports whether what one user may do is bounded.
func (c serveCmd) limited() bool { return c.RateLimit == "on" }

func (c serveCmd) openStore(ctx context.Context, s *server) error {
	lobby := strings.TrimPrefix(c.Lobby, "#")
	if lobby == "none" {
		lobby = ""
	}
	var err error
	s.store, err = store.Open(ctx, store.Config{
		Database: c.name(), Retention: c.EventRetention, Lobby: lobby, FileQuota: int64(c.FileQuota), Product: c.product(),
		Committed: s.feed.Committed, Log: s.log,
	})
	return err
}

// join connects this node with the others, where it is told to.
func (c serveCmd) join(s *server) (err error) {
	switch {
	case c.NATS == "":
	case !s.store.Shared():
		err = errors.New("--nats joins nodes that share a PostgreSQL database: --database has to name one")
	default:
		s.bus, err = sse.Join(s.hub, c.NATS)
	}
	return err
}

func (c serveCmd) handler(s *server, by logins) (http.Handler, error) {
	secret := c.TokenSecret
	if secret == "" {
		secret = s.store.TokenSecret()
	}
	keys, err := token.New(secret)
	if err != nil {
		return nil, err
	}
	return handlers.New(handlers.Config{
		Providers: by.providers, Issuer: by.issuer,
		Store: s.store, Streams: s.hub, Blobs: s.files.blobs, Pictures: s.files.pictures, Tokens: keys, Log: s.log, Metrics: s.metrics(), Ready: s.ready, Contract: api.Contract, Stopping: s.hurry, Limits: c.times(),
		Space: s.space.err,
		Settings: handlers.Settings{
			Proxies: c.TrustedProxies, Guests: c.Guests, PublicURL: c.PublicURL, CORSOrigins: c.CORSOrigins, RateLimit: c.limited(),
			MaxFileSize: int64(c.MaxFileSize),
		},
	}), nil
}

// ready is nil while requests should be sent here.
func (s *server) ready(ctx context.Context) error {
	if s.closed.Load() {
		return models.Errorf(models.CodeUnavailable, "This server is stopping.")
	}
	if err := s.hub.Sound(); err != nil {
		return err
	}
	if err := s.space.err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := s.store.Ping(ctx); err != nil {
		return err
	}
	return s.store.CheckWrites(ctx)
}

// stop ends in this order: readiness fails, and after the delay that lets proxies see it the streams get server.closing and
// end, the requests under way are answered or cut, the tail and the bus stop, the files and the store close. It takes less
// than 15 seconds beside the delay. What was cut is no error: it was not acknowledged, or can be gone on with.
func (s *server) stop() error {
	s.closed.Store(true)
	s.hub.Refuse()
	s.http.winding.Store(true)
	<-time.After(s.drain)
	ctx, cancel := context.WithTimeout(context.Background(), streamGrace)
	defer cancel()
	if err := s.hub.Close(ctx); err != nil {
		s.log.Warn("some streams did not take their last event in time", "error", err)
	}
	s.urge()
	err := s.http.stop()
	s.stopIt()
	s.tail.Wait()
	return errors.Join(err, s.close())
}

// giveUp closes what a start that failed had opened.
func (s *server) giveUp() error {
	s.urge()
	if s.listener == nil {
		return s.close()
	}
	return errors.Join(s.listener.Close(), s.close())
}

// close closes what the parts that run stand on, as far as it was opened.
func (s *server) close() error {
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
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.dataDir != nil {
		errs = append(errs, s.dataDir())
	}
	return errors.Join(errs...)
}

func (c serveCmd) logger(w io.Writer) *slog.Logger {
	format := c.LogFormat
	if file, ok := w.(*os.File); format == "auto" && ok && isatty.IsTerminal(file.Fd()) {
		format = "text"
	}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}
