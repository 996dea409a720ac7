package cli

import (
	"context"
	"os"
	"time"

	"github.com/parley-chat/parley/cmd/parley/server"
	"github.com/parley-chat/parley/handlers"
)

// serveCommand runs the server.
type serveCommand struct {
	databaseFlags
	Listen            string           `env:"PARLEY_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to listen (default: ${default})."`
	TokenSecret       string           `env:"PARLEY_TOKEN_SECRET" placeholder:"SECRET" help:"Signs the access tokens; by default made at the first start and kept in the database."`
	PublicURL         string           `env:"PARLEY_PUBLIC_URL" placeholder:"URL" help:"Where clients reach this server; by default taken from the request."`
	Guests            bool             `env:"PARLEY_GUESTS" default:"true" negatable:"" help:"Let people in with a username alone (default: ${default})."`
	EventRetention    time.Duration    `env:"PARLEY_EVENT_RETENTION" default:"168h" placeholder:"DURATION" help:"How long events are kept for streams that come back (default: ${default})."`
	CORSOrigins       []string         `name:"cors-origins" env:"PARLEY_CORS_ORIGINS" placeholder:"ORIGIN,…" help:"Origins whose pages may call the API; none by default."`
	Files             string           `env:"PARLEY_FILES" placeholder:"PLACE" help:"Where the bytes of files are: a folder, or s3://bucket?endpoint=…&region=…; by default a folder in the data folder."`
	MaxFileSize       server.ByteSize  `env:"PARLEY_MAX_FILE_SIZE" default:"100MB" placeholder:"SIZE" help:"The largest file (default: ${default})."`
	FileQuota         server.ByteSize  `env:"PARLEY_FILE_QUOTA" default:"10GB" placeholder:"SIZE" help:"What the files of one user may hold together; 0 for no bound (default: ${default})."`
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
	MinFreeDisk       server.FreeSpace `env:"PARLEY_MIN_FREE_DISK" default:"auto" placeholder:"SIZE" help:"Writes are refused when less than this is free on the disk of the data or the files; auto is 5 % of it, 1GB at most, and 0 for no bound (default: ${default})."`
}

// Run serves until the first SIGINT or SIGTERM and then stops in order. A second signal ends the process at once.
func (c serveCommand) Run(ctx context.Context) error {
	return server.Serve(ctx, c.config(), os.Stdout, os.Stderr)
}

func (c serveCommand) config() server.Config {
	return server.Config{
		DataDir:           c.DataDir,
		Database:          c.Database,
		Listen:            c.Listen,
		TokenSecret:       c.TokenSecret,
		PublicURL:         c.PublicURL,
		Guests:            c.Guests,
		EventRetention:    c.EventRetention,
		CORSOrigins:       c.CORSOrigins,
		Files:             c.Files,
		MaxFileSize:       c.MaxFileSize,
		FileQuota:         c.FileQuota,
		Lobby:             c.Lobby,
		PresenceRoomLimit: c.PresenceRoomLimit,
		RateLimited:       c.RateLimit == "on",
		OIDC:              c.OIDC,
		JWTIssuer:         c.JWTIssuer,
		JWTAudience:       c.JWTAudience,
		JWTSecret:         c.JWTSecret,
		JWTKeys:           c.JWTKeys,
		JWTAlgorithm:      c.JWTAlgorithm,
		NATS:              c.NATS,
		DrainDelay:        c.DrainDelay,
		LogFormat:         c.LogFormat,
		JWTLink:           c.JWTLink,
		TrustedProxies:    c.TrustedProxies,
		MinFreeDisk:       c.MinFreeDisk,
	}
}

// ServerConfig returns the configuration of parley serve with these flags. It is for the tests.
func ServerConfig(args ...string) (server.Config, error) {
	c, err := parse(append([]string{"serve"}, args...))
	return c.Serve.config(), err
}
