package handlers

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/handlers/middleware"
)

// TestAllow asks each route of the running router for what it takes. OPTIONS and the refusal of every other method, of
// unknown ones too, say the same: the methods of that route, and not those of a template that its path has the form of.
func TestAllow(t *testing.T) {
	handler := New(Config{
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Stopping: context.Background(),
		Limits: deadline.Limits{},
	})
	taken := map[string]map[string]bool{}
	err := chi.Walk(
		handler.(chi.Routes),
		func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			if taken[pattern] == nil {
				taken[pattern] = map[string]bool{http.MethodOptions: true}
			}
			taken[pattern][method] = true
			if method == http.MethodGet {
				taken[pattern][http.MethodHead] = true
			}
			return nil
		},
	)
	if err != nil || len(taken) < 50 {
		t.Fatalf("there are %d patterns, %v", len(taken), err)
	}
	for pattern, own := range taken {
		path := strings.NewReplacer("{room}", "7", "{user}", "15", "{", "", "}", "").Replace(pattern)
		var want []string
		for _, method := range middleware.Methods {
			if own[method] {
				want = append(want, method)
			}
		}
		for _, method := range append([]string{"TRACE", "PROPFIND", "get", "FOO"}, middleware.Methods...) {
			if own[method] && method != http.MethodOptions {
				continue
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
			status := http.StatusMethodNotAllowed
			if method == http.MethodOptions {
				status = http.StatusNoContent
			}
			if got := w.Header().Get("Allow"); w.Code != status || got != strings.Join(want, ", ") {
				body, _ := io.ReadAll(w.Body)
				t.Errorf("%s %s: %d, Allow: %s; wanted %d and %q; %s", method, path, w.Code, got, status, want, body)
			}
		}
	}
}
