package server

import (
	"strings"
	"testing"
)

// TestBanner: the banner names the database and the file storage, without passwords and keys.
func TestBanner(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config Config
		want   []string
	}{
		{Config{DataDir: "data"}, []string{"Database   SQLite, data/parley.db\n", "Files      data/files\n", "Version    "}},
		{
			Config{
				Database: "postgres://me:hidden@db:5432/chat?password=hidden",
				Files:    "s3://key:hidden@files/chat?endpoint=http://s3:9000&region=x",
			},
			[]string{"Database   PostgreSQL, db:5432/chat\n", "Files      S3, bucket files at s3:9000\n"},
		},
		{
			Config{Database: "postgres:///chat?host=/run/postgresql", Files: "/srv/files"},
			[]string{"Database   PostgreSQL, /run/postgresql/chat\n", "Files      /srv/files\n"},
		},
	} {
		banner := c.config.banner("http://127.0.0.1:8080")
		for _, line := range c.want {
			if !strings.Contains(banner, line) {
				t.Errorf("%q is not in\n%s", line, banner)
			}
		}
		if strings.Contains(banner, "hidden") {
			t.Errorf("a secret is in\n%s", banner)
		}
	}
}
