package clients

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

// TestExamplePage lets two people talk on the example page, in a real browser. The page is served by a server other
// than Parley, as for a reader who tries it.
func TestExamplePage(t *testing.T) {
	page := needExample(t, "page.html", 60)
	harness.NeedNode(t)
	browser := harness.NeedBrowser(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		mux := http.NewServeMux()
		own := httptest.NewServer(mux)
		t.Cleanup(own.Close)
		server := harness.StartProcess(t, database, "--lobby", "lobby", "--cors-origins", own.URL)
		const usual = "http://127.0.0.1:8080"
		if strings.Count(page, usual) != 1 {
			t.Fatalf("the page does not contain Parley's address %s exactly once", usual)
		}
		mux.HandleFunc("GET /page.html", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Replace(page, usual, server.URL, 1)))
		})
		mux.HandleFunc("POST /kill", func(http.ResponseWriter, *http.Request) { server.Kill() })
		mux.HandleFunc("POST /start", func(http.ResponseWriter, *http.Request) { server.Start() })
		mux.HandleFunc("POST /secret", func(http.ResponseWriter, *http.Request) {
			server.Kill()
			server.Args = append(server.Args, "--token-secret", strings.Repeat("another", 8))
			server.Start()
		})
		harness.RunNode(t, 10*time.Minute, "page.mjs", own.URL, server.URL, browser)
	})
}
