package server

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
)

// TestPlaceholderAsJWTSecret accepts a placeholder where no real server is: without limits, at an address that only
// this machine reaches, and for nobody else. Each setting of a real one is enough to refuse it.
func TestPlaceholderAsJWTSecret(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*Config){
		"":                     func(*Config) {},
		"rate limits":          func(c *Config) { c.RateLimited = true },
		"any address":          func(c *Config) { c.Listen = ":8080" },
		"an address of a host": func(c *Config) { c.Listen = "chat.example.com:8080" },
		"a public address":     func(c *Config) { c.PublicURL = "https://chat.example.com" },
		"a web site":           func(c *Config) { c.CORSOrigins = []string{"https://chat.example.com"} },
		"a proxy":              func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} },
	} {
		c := Config{Listen: "127.0.0.1:8080", JWTSecret: strings.Repeat("0", 64)}
		set(&c)
		if err := c.checkJWTSecret(slog.New(slog.DiscardHandler)); (err == nil) != (name == "") {
			t.Errorf("with %s: %v", name, err)
		}
	}
}
