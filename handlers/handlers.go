package handlers

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/handlers/auth/issuer"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/sse"
)

// Config is what the handlers stand on.
type Config struct {
	Store     Store
	Streams   Streams
	Blobs     Blobs
	Pictures  Pictures
	Tokens    *token.Keys
	Issuer    *issuer.Issuer  // of a product that vouches for its own users; nil for none
	Providers []NamedProvider // to log in through, in the order in which they are listed
	Log       *slog.Logger
	Metrics   *prometheus.Registry
	Ready     func(context.Context) error // nil while the server can serve
	Space     func() error                // nil while there is room on the disk for what clients write
	Contract  []byte                      // openapi.yaml
	Stopping  context.Context             //nolint:containedctx // of the server: over when no request should wait for its client any more
	Limits    deadline.Limits             // of what a client may take its time with
	Settings  Settings
}

// Settings are the choices of whoever runs the server.
type Settings struct {
	Proxies     Proxies  // whose word on clients' addresses is taken
	Guests      bool     // whether guests may log in
	PublicURL   string   // where clients reach the server; "" for wherever a request says that it went
	CORSOrigins []string // the origins whose pages may call the server, or "*"
	RateLimit   bool     // whether there are quotas
	MaxFileSize int64    // bytes
}

// Store is what the handlers need of the database.
type Store interface {
	arrivalStore
	addressStore
	guestStore
	logHead
	userStore
	passwordStore
	sessionStore
	authStore
	identityStore
	roomStore
	memberStore
	banStore
	inviteStore
	contactStore
	blockStore
	messageStore
	fileStore
	uploadStore
	typist
	presenceStore
	searchStore
	reactionStore
	pinStore
	apartStore
}

// Streams are the open event streams and the log behind them.
type Streams interface {
	// Open takes the connection over; an error means that nothing was written.
	Open(w http.ResponseWriter, r *http.Request, o sse.Opening) error
	// Page is a part of the log after a cursor, and the cursor that it reaches.
	Page(ctx context.Context, caller models.Caller, after string, limit int) ([]models.Event, models.Cursor, error)
	// Enter tells the others in the room of user, the caller, who is a member of it.
	Enter(ctx context.Context, caller models.Caller, streamID string, room models.Room, user models.UserRef) error
	Exit(ctx context.Context, caller models.Caller, streamID string, roomID int64) error
	// Present lists the users who are in a room now.
	Present(roomID int64) []int64
	Online(userID int64) bool
	// Type tells those in a room that a member is typing.
	Type(roomID int64, user models.UserRef)
}

// logHead says where the log stands.
type logHead interface {
	Head(ctx context.Context) (models.Cursor, error)
}

// server is all routes of the contract.
type server struct {
	users
	passwords
	sessions
	authProviders
	identities
	rooms
	members
	bans
	invites
	contacts
	blocks
	presence
	messages
	files
	contents
	uploads
	typing
	search
	reactions
	pins
	events
	operations
}

var _ api.ServerInterface = server{}

// New makes the handler of all routes.
func New(c Config) http.Handler {
	people := people{store: c.Store, streams: c.Streams}
	quotas := newQuotas(c.Settings.RateLimit)
	entry := entry{people: people, tokens: c.Tokens, passwords: token.NewPasswords(), quotas: quotas, settings: c.Settings}
	entry.guesses, entry.space = newGuesses(c.Settings.RateLimit, c.Store), c.Space
	files := files{
		store:   c.Store,
		staging: &staging{},
		intake:  intake{ledger: c.Store, blobs: c.Blobs, pictures: c.Pictures, most: c.Settings.MaxFileSize},
	}
	s := server{
		users:         users{store: c.Store, entry: entry},
		passwords:     passwords{store: c.Store, entry: entry},
		sessions:      sessions{store: c.Store, users: c.Store, guests: c.Store, entry: entry},
		authProviders: authProviders{store: c.Store, entry: entry, providers: c.Providers},
		identities:    identities{store: c.Store},
		rooms:         rooms{store: c.Store},
		members:       members{store: c.Store, rooms: c.Store, people: people},
		bans:          bans{store: c.Store, people: people},
		invites:       invites{store: c.Store},
		contacts:      contacts{store: c.Store, people: people},
		blocks:        blocks{store: c.Store, people: people},
		presence:      presence{store: c.Store, streams: c.Streams},
		messages:      messages{store: c.Store, files: files},
		files:         files,
		contents:      contents{store: c.Store, blobs: c.Blobs},
		uploads:       newUploads(c.Stopping, c.Store, files),
		typing:        typing{store: c.Store, streams: c.Streams},
		search:        search{store: c.Store, people: people},
		reactions:     reactions{store: c.Store},
		pins:          pins{store: c.Store},
		events:        events{streams: c.Streams, entry: entry},
		operations:    newOperations(c.Ready, c.Metrics),
	}
	return routes(s, quotas, c)
}
