package cli

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"time"

	"github.com/parley-chat/parley/cmd/parley/server"
	"github.com/parley-chat/parley/handlers"
	"github.com/parley-chat/parley/models"
)

// serveCommand runs the server.
type serveCommand struct {
	databaseFlags
	Listen            string           `env:"PARLEY_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS"`
	TokenSecret       string           `env:"PARLEY_TOKEN_SECRET" placeholder:"SECRET"`
	PublicURL         string           `env:"PARLEY_PUBLIC_URL" placeholder:"URL"`
	Guests            bool             `env:"PARLEY_GUESTS" default:"true" negatable:""`
	EventRetention    time.Duration    `env:"PARLEY_EVENT_RETENTION" default:"168h" placeholder:"DURATION"`
	CORSOrigins       []string         `name:"cors-origins" env:"PARLEY_CORS_ORIGINS" placeholder:"ORIGIN,…"`
	Files             string           `env:"PARLEY_FILES" placeholder:"PLACE"`
	MaxFileSize       server.ByteSize  `env:"PARLEY_MAX_FILE_SIZE" default:"100MB" placeholder:"SIZE"`
	FileQuota         server.ByteSize  `env:"PARLEY_FILE_QUOTA" default:"10GB" placeholder:"SIZE"`
	Lobby             string           `env:"PARLEY_LOBBY" default:"lobby" placeholder:"HANDLE"`
	PresenceRoomLimit int              `env:"PARLEY_PRESENCE_ROOM_LIMIT" default:"500" placeholder:"MEMBERS"`
	RateLimit         string           `env:"PARLEY_RATE_LIMIT" enum:"on,off" default:"on"`
	OIDC              []string         `name:"oidc" env:"PARLEY_OIDC" sep:";" placeholder:"name=…,issuer=…,…"`
	JWTIssuer         string           `name:"jwt-issuer" env:"PARLEY_JWT_ISSUER" placeholder:"ISSUER"`
	JWTAudience       string           `name:"jwt-audience" env:"PARLEY_JWT_AUDIENCE" placeholder:"AUDIENCE"`
	JWTSecret         string           `name:"jwt-secret" env:"PARLEY_JWT_SECRET" placeholder:"SECRET"`
	JWTKeys           string           `name:"jwt-jwks" env:"PARLEY_JWT_JWKS" placeholder:"URL"`
	JWTAlgorithm      string           `name:"jwt-algorithm" env:"PARLEY_JWT_ALGORITHM" placeholder:"NAME"`
	NATS              string           `name:"nats" env:"PARLEY_NATS" placeholder:"URL"`
	DrainDelay        time.Duration    `env:"PARLEY_DRAIN_DELAY" default:"0s" placeholder:"DURATION"`
	LogFormat         string           `env:"PARLEY_LOG_FORMAT" enum:"auto,text,json" default:"auto"`
	JWTLink           bool             `name:"jwt-link" env:"PARLEY_JWT_LINK"`
	TrustedProxies    handlers.Proxies `env:"PARLEY_TRUSTED_PROXIES" placeholder:"CIDR,…"`
	MinFreeDisk       server.FreeSpace `env:"PARLEY_MIN_FREE_DISK" default:"auto" placeholder:"SIZE"`
}

func (c serveCommand) helpTexts() helpTexts {
	texts := helpTexts{
		"listen":          "The address to listen on (default: ${default}).",
		"token-secret":    "The secret that signs the access tokens; by default it is generated and stored in the database.",
		"public-url":      "The address at which clients reach this server; by default it is taken from the request.",
		"guests":          "Let users in with a username only (default: ${default}).",
		"event-retention": "How long events are kept for streams that resume (default: ${default}).",
		"cors-origins":    "Origins whose pages may call the API; none by default.",
		"files": "Where the bytes of files are stored: a folder, or s3://bucket?endpoint=…&region=…; " +
			"by default a folder in the data folder.",
		"max-file-size": "The largest file (default: ${default}).",
		"file-quota":    "The total size of one user's files; 0 for no limit (default: ${default}).",
		"lobby":         "A public room that every new account and guest joins, or none (default: ${default}).",
		"presence-room-limit": "A room with more members than this sends no user.online and user.offline " +
			"(default: ${default}).",
		"rate-limit": "on or off: whether the requests and streams of one user are limited (default: ${default}).",
		"oidc": "An OpenID Connect provider, or GitHub, to log in through; repeatable; " +
			"in the variable, separate providers by ; (none by default).",
		"jwt-issuer":    "The issuer whose JWTs are accepted; none by default.",
		"jwt-audience":  "The audience that those JWTs must have; required with an issuer.",
		"jwt-secret":    "The secret that signs those JWTs, at least 32 bytes; either this or --jwt-jwks.",
		"jwt-jwks":      "The address of the public keys (JWKS) for those JWTs.",
		"jwt-algorithm": "The only algorithm that those JWTs may use; by default HS256 with a secret, RS256 with keys.",
		"nats":          "nats://…: connects the servers that share a PostgreSQL database; none by default.",
		"drain-delay": "How long a stopping server, no longer ready, still handles requests, so that a proxy can switch " +
			"to another server first (default: ${default}).",
		"log-format": "text or json; by default text on a terminal and json elsewhere.",
		"jwt-link": "Allow users of that issuer to set a password and link other log-ins too, which stay valid when its " +
			"tokens expire (default: false).",
		"trusted-proxies": "Addresses and networks of proxies whose Forwarded and X-Forwarded-For are trusted; " +
			"none by default.",
		"min-free-disk": "With less free space than this for the data or the files, everything that writes is refused; " +
			"auto is 5 % of the disk, at most 1GB; 0 for no limit (default: ${default}).",
	}
	maps.Copy(texts, c.databaseFlags.helpTexts())
	return texts
}

// Validate checks the addresses that browsers use: with a wrong one, the server would start, and refuse them.
func (c serveCommand) Validate() error {
	if c.PublicURL != "" {
		if err := checkURL("public-url", c.PublicURL); err != nil {
			return err
		}
	}
	for _, origin := range c.CORSOrigins {
		if origin == "*" {
			continue
		}
		if err := checkURL("cors-origins", origin); err != nil {
			return err
		}
		if u, _ := url.Parse(origin); u.Scheme+"://"+u.Host != origin { // RFC 6454, section 6.2
			return fmt.Errorf("--cors-origins must be origins without a path, like https://example.com, not %q", origin)
		}
	}
	return nil
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
		RequestsPerMinute: models.MaxRequestsPerMinute,
		PresentAnnounced:  models.MaxPresentAnnounced,
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
