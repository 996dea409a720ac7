package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
	"github.com/parley-chat/parley/sse"
	"github.com/parley-chat/parley/test/databases"
)

// migrated creates the databases of the tests.
var migrated = databases.NewTemplate(store.Migrate)

// testServer has the handlers on a SQLite store.
type testServer struct {
	t       testing.TB
	handler http.Handler
	url     string
	store   *store.Store
}

func newTestServer(t testing.TB, settings Settings) *testServer {
	t.Helper()
	return newTestServerWith(t, settings, func(*Config) {})
}

// newTestServerWith is newTestServer with changes to the Config.
func newTestServerWith(t testing.TB, settings Settings, change func(*Config)) *testServer {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	commits := sse.NewCommitQueue()
	s, err := store.Open(t.Context(), store.Config{
		Database: migrated.SQLite(t), Retention: time.Hour, Committed: commits.Committed, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	hub, err := sse.NewHub(t.Context(), s, commits, log, sse.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.New("a secret of the tests")
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Stores: storesOf(s), Streams: hub, Tokens: keys, Log: log, Metrics: prometheus.NewRegistry(),
		Stopping: context.Background(), Limits: deadline.Default(), Settings: settings,
		Ready: func(context.Context) error { return nil }, Space: func() error { return nil },
	}
	change(&config)
	handler := New(config)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &testServer{t: t, handler: handler, url: server.URL, store: s}
}

// storesOf gives the store to each resource.
func storesOf(db *store.Store) (stores Stores) {
	fields := reflect.ValueOf(&stores).Elem()
	for i := range fields.NumField() {
		fields.Field(i).Set(reflect.ValueOf(db))
	}
	return stores
}

// testResponse is a response that was read to its end.
type testResponse struct {
	status int
	header http.Header
	body   []byte
}

func (r testResponse) String() string { return fmt.Sprintf("%d %s", r.status, r.body) }

// code is the code of a problem; "" for another response.
func (r testResponse) code() models.Code {
	var problem models.Problem
	if r.status < 400 || json.Unmarshal(r.body, &problem) != nil {
		return ""
	}
	return problem.Code
}

// do makes a request. Headers come in pairs.
func (s *testServer) do(method, path, accessToken string, body []byte, headers ...string) testResponse {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return testResponse{res.StatusCode, res.Header, content}
}

// signUp creates an account and returns its session.
func (s *testServer) signUp(username string) (session models.Session) {
	s.t.Helper()
	a := s.do(http.MethodPost, "/v1/users", "", fmt.Appendf(nil, `{"username":%q,"password":"correct horse"}`, username))
	if err := json.Unmarshal(a.body, &session); a.status != http.StatusCreated || err != nil {
		s.t.Fatal(a, err)
	}
	return session
}

// rooms returns the names of the caller's rooms.
func (s *testServer) rooms(accessToken string) (names []string) {
	s.t.Helper()
	var page models.Page[models.Room]
	a := s.do(http.MethodGet, "/v1/rooms", accessToken, nil)
	if err := json.Unmarshal(a.body, &page); err != nil {
		s.t.Fatal(a, err)
	}
	for _, room := range page.Items {
		names = append(names, room.Name)
	}
	return names
}
