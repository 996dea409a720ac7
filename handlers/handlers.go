package handlers

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth"
	"github.com/parley-chat/parley/handlers/auth/issuer"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/handlers/upload"
	"github.com/parley-chat/parley/models"
)

// Config is what the handlers need.
type Config struct {
	Stores    Stores
	Streams   Streams
	Blobs     upload.Blobs
	Pictures  upload.Pictures
	Tokens    *token.Keys
	Issuer    *issuer.Issuer  // of a product with its own users; nil for none
	Providers []NamedProvider // to log in through, in the order in which they are listed
	Log       *slog.Logger
	Metrics   *prometheus.Registry
	Ready     func(context.Context) error // returns nil while the server can serve
	Space     func() error                // returns nil while there is space on the disk for writes
	Contract  []byte                      // openapi.yaml
	Events    []byte                      // asyncapi.yaml
	Stopping  context.Context             //nolint:containedctx // over when no request should wait for its client any more
	Limits    deadline.Limits             // how long clients may take
	Settings  Settings
}

// Proxies are the networks of trusted proxies.
type Proxies = request.Proxies

// Settings are chosen by the operator of the server.
type Settings struct {
	Proxies           Proxies  // trusted to report the addresses of clients
	Guests            bool     // whether guests may log in
	PublicURL         string   // where clients reach the server; "" for where a request was sent to
	CORSOrigins       []string // origins whose pages may call the server, or "*"
	RateLimit         bool     // whether there are quotas
	RequestsPerMinute int      // of one user, or of one network without a good token
	MaxFileSize       int64    // bytes
}

// Stores are what each resource needs of the database, as its own file declares it, and no more.
type Stores struct {
	Callers       auth.Sessions
	Guesses       limit.GuessStore
	Users         userStore
	Passwords     passwordStore
	Sessions      sessionStore
	AuthProviders authStore
	Identities    identityStore
	Rooms         roomStore
	Members       memberStore
	Bans          banStore
	Invites       inviteStore
	Contacts      contactStore
	Blocks        blockStore
	Messages      messageStore
	Files         fileStore
	Uploads       uploadStore
	Typing        typingStore
	Presence      presenceStore
	Search        searchStore
	Reactions     reactionStore
	Pins          pinStore
}

// Streams are the open event streams and the log behind them.
type Streams interface {
	eventStreams
	presenceStreams
	typingStreams
	presentReader
	onlineReader
}

// logHead returns the position of the newest event in the log.
type logHead interface {
	Head(ctx context.Context) (models.Cursor, error)
}

// server has the handlers of all routes of the contract.
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
	fileContents
	uploads
	typing
	search
	reactions
	pins
	events
	health
}

var _ api.ServerInterface = server{}

// New makes the handler of all routes.
func New(c Config) http.Handler {
	profiles := profiles{blocks: c.Stores.Blocks, streams: c.Streams}
	quotas := limit.NewQuotas(c.Settings.RateLimit, c.Settings.RequestsPerMinute)
	hasher := token.NewPasswords()
	opener := auth.SessionIssuer{
		Tokens: c.Tokens, Passwords: hasher, PublicURL: c.Settings.PublicURL, CORSOrigins: c.Settings.CORSOrigins,
		Present: profiles.own,
	}
	login := login{
		sessions:  opener,
		quotas:    quotas,
		guesses:   limit.NewGuesses(c.Settings.RateLimit, c.Stores.Guesses),
		passwords: hasher,
	}
	guests := guestRules{allowed: c.Settings.Guests, limited: c.Settings.RateLimit, space: c.Space}
	receiver := upload.Receiver{
		Records: c.Stores.Files, Blobs: c.Blobs, Pictures: c.Pictures, Limit: c.Settings.MaxFileSize,
	}
	pending := &upload.PendingBytes{}
	files := newFiles(c.Stores.Files, pending, receiver)
	s := server{
		users:         newUsers(c.Stores.Users, profiles, login),
		passwords:     newPasswords(c.Stores.Passwords, login),
		sessions:      newSessions(c.Stores.Sessions, login, guests),
		authProviders: newAuthProviders(c.Stores.AuthProviders, opener, c.Providers),
		identities:    newIdentities(c.Stores.Identities),
		rooms:         newRooms(c.Stores.Rooms),
		members:       newMembers(c.Stores.Members, profiles, c.Streams),
		bans:          newBans(c.Stores.Bans, profiles),
		invites:       newInvites(c.Stores.Invites),
		contacts:      newContacts(c.Stores.Contacts, profiles),
		blocks:        newBlocks(c.Stores.Blocks, profiles),
		presence:      newPresence(c.Stores.Presence, c.Streams),
		messages:      newMessages(c.Stores.Messages, files),
		files:         files,
		fileContents:  newFileContents(c.Stores.Files, c.Blobs),
		uploads:       newUploads(c.Stopping, c.Stores.Uploads, pending, receiver),
		typing:        newTyping(c.Stores.Typing, c.Streams),
		search:        newSearch(c.Stores.Search, profiles),
		reactions:     newReactions(c.Stores.Reactions),
		pins:          newPins(c.Stores.Pins),
		events:        newEvents(c.Streams, opener),
		health:        newHealth(c.Ready, c.Metrics),
	}
	return routes(s, quotas, c)
}
