package handlers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// BenchmarkRequest measures what a request costs outside the database and the connection: middleware, parameters, body
// and response. The session is looked up as always; what the routes ask the database for costs nothing here.
func BenchmarkRequest(b *testing.B) {
	free := &freeStore{}
	s := newTestServerWith(b, Settings{RateLimit: true, RequestsPerMinute: 1 << 40}, func(c *Config) {
		free.messageStore, free.typingStore = c.Stores.Messages, c.Stores.Typing
		c.Stores.Messages, c.Stores.Typing = free, free
	})
	session := s.signUp("sender")
	const text = `{"text":"The quick brown fox jumps over the lazy dog."}`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"send", http.MethodPost, "/v1/rooms/1/messages", text, http.StatusCreated},
		{"typing", http.MethodPost, "/v1/rooms/1/typing", "", http.StatusNoContent},
		{"history", http.MethodGet, "/v1/rooms/1/messages", "", http.StatusOK},
		{"history-by-query", http.MethodGet, "/v1/rooms/1/messages?before=1000&limit=100", "", http.StatusOK},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), c.method, c.path, nil)
				r.Header["Authorization"] = []string{"Bearer " + session.AccessToken}
				if c.body != "" {
					r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.body)), int64(len(c.body))
					r.Header["Content-Type"] = []string{"application/json"}
				}
				w := discardedResponse{header: http.Header{}}
				s.handler.ServeHTTP(&w, r)
				if w.status != c.status {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// freeStore is the store of the routes that are measured, without its cost.
type freeStore struct {
	messageStore
	typingStore
}

func (*freeStore) Send(
	_ context.Context, callerID int64, _ models.RoomPath, n models.NewMessage, _ *models.IdempotentCall,
) (models.SentMessage, models.Cursor, error) {
	m := models.Message{ID: 1, RoomID: 1, Sender: models.UserRef{ID: callerID, Username: "sender"}, Text: n.Text}
	return models.SentMessage{Message: m, JSON: m.AppendJSON(nil)}, models.Cursor{Epoch: "e", Position: 7}, nil
}

func (*freeStore) Head(context.Context) (models.Cursor, error) {
	return models.Cursor{Epoch: "e", Position: 7}, nil
}

func (*freeStore) History(
	context.Context, int64, models.RoomPath, models.HistoryQuery,
) (models.Page[models.Message], error) {
	return models.Page[models.Message]{}, nil
}

func (*freeStore) Writer(_ context.Context, callerID int64, _ models.RoomPath) (int64, models.UserRef, error) {
	return 1, models.UserRef{ID: callerID, Username: "sender"}, nil
}

// discardedResponse is the response of a request that nobody reads.
type discardedResponse struct {
	header http.Header
	status int
}

func (d *discardedResponse) Header() http.Header         { return d.header }
func (d *discardedResponse) WriteHeader(status int)      { d.status = status }
func (d *discardedResponse) Write(b []byte) (int, error) { return len(b), nil }
