package sse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
	"github.com/parley-chat/parley/test/databases"
)

// testTimeout is how long tests wait for what must happen.
const testTimeout = 10 * time.Second

// migrated creates the databases of the tests.
var migrated = databases.NewTemplate(store.Migrate)

// rig is a hub on its own store, with a server that opens streams for the user in the query of the request.
type rig struct {
	t        *testing.T
	store    *store.Store
	hub      *Hub
	database string
	addr     string
	warned   chan struct{} // gets a value for each warning; capacity 1
	// beforeHijack is called, if set, after a stream is registered and before it has its connection.
	beforeHijack func()
	// withheld gets commits in place of the hub while withhold is set.
	withhold atomic.Bool
	withheld chan models.LogEntry
}

func newRig(t *testing.T, limits Limits) *rig {
	t.Helper()
	return newRigOn(t, limits, func(s *store.Store) Log { return s })
}

// newRigOn is newRig with a hub that sees the store through another implementation of Log.
func newRigOn(t *testing.T, limits Limits, logOf func(*store.Store) Log) *rig {
	t.Helper()
	return newRigWith(t, limits, logOf, func(*Hub) {})
}

// newRigWith is newRigOn with a hub that is changed before it runs.
func newRigWith(t *testing.T, limits Limits, logOf func(*store.Store) Log, change func(*Hub)) *rig {
	t.Helper()
	r := &rig{t: t, database: migrated.SQLite(t)}
	r.warned, r.withheld = make(chan struct{}, 1), make(chan models.LogEntry, 100)
	commits := NewCommitQueue()
	var err error
	r.store, err = store.Open(t.Context(), store.Config{
		Database: r.database, Retention: time.Hour, Log: quietLog(r.warned), Committed: func(entries []models.LogEntry) {
			if !r.withhold.Load() {
				commits.Committed(entries)
				return
			}
			for _, e := range entries {
				r.withheld <- e
			}
		},
	})
	r.must(err)
	t.Cleanup(func() { _ = r.store.Close() })
	r.start(logOf(r.store), commits, limits, change)
	return r
}

// start starts a hub, and a server that opens its streams, until the test ends.
func (r *rig) start(log Log, commits *CommitQueue, limits Limits, change func(*Hub)) {
	r.t.Helper()
	quiet := quietLog(r.warned)
	var err error
	r.hub, err = NewHub(r.t.Context(), log, commits, quiet, limits)
	r.must(err)
	change(r.hub)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	r.addr = listener.Addr().String()
	server := &http.Server{
		Handler: http.HandlerFunc(r.serve), ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelError),
	}
	run, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.hub.Run(run) })
	running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(func() {
		r.close(testTimeout)
		_ = server.Close()
		stop()
		running.Wait()
	})
}

// quietLog is a log that only counts its warnings.
func quietLog(warned chan struct{}) *slog.Logger {
	return slog.New(slog.NewTextHandler(warnings(warned), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// close closes the hub as a server does, which after the timeout closes what has not ended.
func (r *rig) close(timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = r.hub.Close(ctx)
}

func (r *rig) serve(w http.ResponseWriter, q *http.Request) {
	query := q.URL.Query()
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(query.Get(name), 10, 64)
		return n
	}
	o := OpenRequest{
		Caller: models.Caller{UserID: number("user"), SessionID: query.Get("session")}, Cursor: query.Get("cursor"),
	}
	if room := number("room"); room != 0 {
		o.Rooms = []int64{room}
	}
	if err := r.hub.Open(hookedHijacker{w, r.beforeHijack}, q, o); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// warnings is a log output that only counts.
type warnings chan struct{}

func (w warnings) Write(p []byte) (int, error) {
	select {
	case w <- struct{}{}:
	default:
	}
	return len(p), nil
}

type hookedHijacker struct {
	http.ResponseWriter
	before func()
}

func (h hookedHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if h.before != nil {
		h.before()
	}
	return http.NewResponseController(h.ResponseWriter).Hijack()
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) signUp(name string) models.Login {
	r.t.Helper()
	l, err := r.store.SignUp(r.t.Context(), models.NewAccount{Username: name, Guest: true},
		models.NewSession{RefreshHash: "refresh " + name}, nil)
	r.must(err)
	return l
}

// room creates a public room with an owner and members. The cursor is the position before its first message.
func (r *rig) room(owner models.Login, others ...models.Login) (id int64, at models.Cursor) {
	r.t.Helper()
	name, kind := "room", models.RoomPublic
	room, at, err := r.store.CreateRoom(r.t.Context(), owner.User.ID, models.NewRoom{Name: &name, Kind: &kind}, nil)
	r.must(err)
	for _, l := range others {
		_, _, err = r.store.Join(r.t.Context(), l.User.ID, models.RoomPath{ID: room.ID})
		r.must(err)
	}
	return room.ID, at
}

func (r *rig) send(l models.Login, roomID int64, text string) models.Cursor {
	message := models.NewMessage{Text: text}
	_, at, err := r.store.Send(context.Background(), l.User.ID, models.RoomPath{ID: roomID}, message, nil)
	if err != nil {
		r.t.Error(err)
	}
	return at
}

// peer is the client's end of a stream.
type peer struct {
	*net.TCPConn
	lines *bufio.Reader
}

// dial requests a stream, and reads nothing.
func (r *rig) dial(l models.Login, roomID int64, cursor string) *peer {
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Error(err)
		runtime.Goexit()
	}
	query := url.Values{
		"user": {strconv.FormatInt(l.User.ID, 10)}, "session": {l.SessionID},
		"room": {strconv.FormatInt(roomID, 10)}, "cursor": {cursor},
	}
	if _, err := fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: parley\r\n\r\n", query.Encode()); err != nil {
		r.t.Error(err)
	}
	tcp, _ := conn.(*net.TCPConn)
	return &peer{TCPConn: tcp, lines: bufio.NewReader(conn)}
}

// open opens a stream, and reads up to ready.
func (r *rig) open(l models.Login, roomID int64, cursor string) *peer {
	p := r.dial(l, roomID, cursor)
	if !p.skipTo("event: ready") {
		r.t.Error("no stream was opened")
	}
	return p
}

// skipTo reads until a line starts with prefix.
func (p *peer) skipTo(prefix string) bool {
	_ = p.SetReadDeadline(time.Now().Add(testTimeout))
	defer func() { _ = p.SetReadDeadline(time.Time{}) }()
	for {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			return false
		}
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
}

// received is an event as a client sees it.
type received struct{ id, name, data string }

// next reads the next event. Comments and retry are skipped. It fails the test if there is none within testTimeout.
func (p *peer) next(t *testing.T) (e received) {
	t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(testTimeout))
	for {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("no event came: %v", err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case field == "id":
			e.id = value
		case field == "event":
			e.name = value
		case field == "data":
			e.data = value
		case line == "\n" && e.name != "":
			return e
		case line == "\n":
			e = received{}
		}
	}
}

// until reads events up to the first whose data has the text, and returns all of them.
func (p *peer) until(t *testing.T, text string) (all []received) {
	t.Helper()
	for {
		e := p.next(t)
		all = append(all, e)
		if strings.Contains(e.data, text) {
			return all
		}
	}
}

// names returns the names of events, separated by spaces.
func names(events []received) string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = e.name
	}
	return strings.Join(all, " ")
}

// requireEnd fails the test unless the stream ends without another event.
func (p *peer) requireEnd(t *testing.T) {
	t.Helper()
	if p.skipTo("event:") {
		t.Error("an event came after the last one")
	}
}

// watch opens a stream that the test closes. It is present in the room if there is one.
func (r *rig) watch(l models.Login, roomID int64, cursor string) *peer {
	r.t.Helper()
	p := r.open(l, roomID, cursor)
	r.t.Cleanup(func() { _ = p.Close() })
	return p
}

// attached waits until the hub delivers events to all streams.
func (r *rig) attached() {
	r.t.Helper()
	eventually(r.t, func() string {
		for _, s := range r.streams() {
			if _, replaying := s.replayPosition(); replaying {
				return "a stream still replays the log"
			}
		}
		return ""
	})
}

// streams returns the streams of the hub.
func (r *rig) streams() (all []*Stream) {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	for _, s := range r.hub.streams {
		all = append(all, s)
	}
	return all
}

// eventually waits until what returns "".
func eventually(t *testing.T, what func() string) {
	t.Helper()
	within(t, testTimeout, what)
}

func within(t *testing.T, timeout time.Duration, what func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(timeout); ; <-tick.C {
		wrong := what()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Error(wrong)
			return
		}
	}
}
