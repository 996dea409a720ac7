//go:build unix

package clients

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	parley "github.com/parley-chat/parley/cmd/parley/server"
	"github.com/parley-chat/parley/test/cluster"
	"github.com/parley-chat/parley/test/harness"
)

// TestEventSource opens pages with a plain EventSource in a real browser, while their server drains, is killed, loses
// its database and is overloaded.
func TestEventSource(t *testing.T) {
	harness.NeedNode(t)
	browser := harness.NeedBrowser(t)
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		testEventSource(t, browser, t.TempDir()+"/parley.db", nil)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		harness.NewPostgres(t) // skips the test without PostgreSQL
		postgres, err := cluster.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := postgres.Stop(); err != nil {
				t.Error(err)
			}
		})
		testEventSource(t, browser, postgres.Address(), postgres)
	})
}

// testEventSource runs the page. postgres, if not nil, is the server that the page may ask to kill.
func testEventSource(t *testing.T, browser, database string, postgres *cluster.Cluster) {
	mux := http.NewServeMux()
	own := httptest.NewServer(mux)
	t.Cleanup(own.Close)
	server := harness.StartProcess(t, database, "--cors-origins", own.URL, "--drain-delay", "5s")
	limited := harness.StartServerWith(t, harness.NewSQLite(t), func(c *parley.Config) { c.RequestsPerMinute = 20 },
		"--cors-origins", own.URL)
	drained := make(chan int, 1)
	mux.HandleFunc("GET /page.html", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<!doctype html><title>A page</title>"))
	})
	mux.HandleFunc("POST /drain", func(http.ResponseWriter, *http.Request) {
		go func() { drained <- server.Terminate() }()
	})
	mux.HandleFunc("POST /drained", func(http.ResponseWriter, *http.Request) {
		if status := <-drained; status != 0 {
			t.Errorf("got exit status %d, want 0", status)
		}
	})
	mux.HandleFunc("POST /kill", func(http.ResponseWriter, *http.Request) { server.Kill() })
	mux.HandleFunc("POST /start", func(http.ResponseWriter, *http.Request) { server.Start() })
	args := []string{own.URL, server.URL, limited.URL, browser}
	if postgres != nil {
		args = append(args, "postgres")
		mux.HandleFunc("POST /stop-database", func(_ http.ResponseWriter, r *http.Request) {
			if err := postgres.Kill(r.Context()); err != nil {
				t.Error(err)
			}
		})
		mux.HandleFunc("POST /start-database", func(_ http.ResponseWriter, r *http.Request) {
			if err := postgres.Restart(r.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	harness.RunNode(t, 10*time.Minute, "eventsource.mjs", args...)
}
