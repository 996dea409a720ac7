package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestExamplePage has two people talk on the page of the examples, in a real browser. The page comes from a server of its
// own, as its reader has it.
func TestExamplePage(t *testing.T) {
	page := needExample(t, "page.html", 60)
	needNode(t)
	browser := needBrowser(t)
	onEachDatabase(t, func(t *testing.T, database string) {
		mux := http.NewServeMux()
		own := httptest.NewServer(mux)
		t.Cleanup(own.Close)
		server := startProcess(t, database, "--lobby", "lobby", "--cors-origins", own.URL)
		const usual = "http://127.0.0.1:8080"
		if strings.Count(page, usual) != 1 {
			t.Fatalf("the page does not say where Parley is, at %s", usual)
		}
		mux.HandleFunc("GET /page.html", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Replace(page, usual, server.url, 1)))
		})
		mux.HandleFunc("POST /kill", func(http.ResponseWriter, *http.Request) { server.kill() })
		mux.HandleFunc("POST /start", func(http.ResponseWriter, *http.Request) { server.start() })
		mux.HandleFunc("POST /secret", func(http.ResponseWriter, *http.Request) {
			server.kill()
			server.args = append(server.args, "--token-secret", strings.Repeat("another", 8))
			server.start()
		})
		runNode(t, 3*time.Minute, "page.mjs", own.URL, server.url, browser)
	})
}
