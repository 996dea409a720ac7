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
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// rig is a hub on a store of its own, behind a server that opens streams for whoever is named in the request's query.
type rig struct {
	t        *testing.T
	store    *store.Store
	hub      *Hub
	database string
	addr     string
	warned   chan struct{} // gets one for each warning that finds room
	// hijacking, where it is set, comes between the registration of a stream and its connection.
	hijacking func()
}

func newRig(t *testing.T, limits Limits) *rig {
	t.Helper()
	r := &rig{t: t, database: filepath.Join(t.TempDir(), "parley.db")}
	r.warned = make(chan struct{}, 1)
	feed, quiet := NewFeed(), slog.New(slog.NewTextHandler(warnings(r.warned), &slog.HandlerOptions{Level: slog.LevelWarn}))
	var err error
	r.store, err = store.Open(t.Context(), store.Config{
		Database: r.database, Retention: time.Hour, Committed: feed.Committed, Log: quiet,
	})
	r.must(err)
	r.hub, err = NewHub(t.Context(), r.store, feed, quiet, limits)
	r.must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	r.addr = listener.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(r.serve), ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelError)}
	run, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.hub.Run(run) })
	running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		r.drain(patience)
		_ = server.Close()
		stop()
		running.Wait()
		_ = r.store.Close()
	})
	return r
}

// drain stops the hub as a server does, which cuts what has not ended after a while.
func (r *rig) drain(patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = r.hub.Close(ctx)
}

func (r *rig) serve(w http.ResponseWriter, q *http.Request) {
	query := q.URL.Query()
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(query.Get(name), 10, 64)
		return n
	}
	o := Opening{Caller: models.Caller{UserID: number("user"), SessionID: query.Get("session")}, Cursor: query.Get("cursor")}
	if room := number("room"); room != 0 {
		o.Rooms = []int64{room}
	}
	if err := r.hub.Open(hijacked{w, r.hijacking}, q, o); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// warnings is a log that nobody reads.
type warnings chan struct{}

func (w warnings) Write(p []byte) (int, error) {
	select {
	case w <- struct{}{}:
	default:
	}
	return len(p), nil
}

type hijacked struct {
	http.ResponseWriter
	before func()
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
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

func (r *rig) guest(name string) models.Login {
	r.t.Helper()
	l, err := r.store.SignUp(r.t.Context(), models.NewAccount{Username: name, Guest: true},
		models.NewSession{RefreshHash: "refresh " + name}, nil)
	r.must(err)
	return l
}

// room is a public room with an owner and others; its cursor is from before anything is said in it.
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

func (r *rig) say(l models.Login, roomID int64, text string) models.Cursor {
	_, at, err := r.store.Send(context.Background(), l.User.ID, models.RoomPath{ID: roomID}, models.NewMessage{Text: text}, nil)
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

// dial asks for a stream, and reads nothing of it.
func (r *rig) dial(l models.Login, roomID int64, cursor string) *peer {
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Error(err)
		runtime.Goexit()
	}
	query := url.Values{
		"user": {strconv.FormatInt(l.User.ID, 10)}, "session": {l.SessionID}, "room": {strconv.FormatInt(roomID, 10)}, "cursor": {cursor},
	}
	if _, err := fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: parley\r\n\r\n", query.Encode()); err != nil {
		r.t.Error(err)
	}
	tcp, _ := conn.(*net.TCPConn)
	return &peer{TCPConn: tcp, lines: bufio.NewReader(conn)}
}

// open opens a stream, and reads up to its ready.
func (r *rig) open(l models.Login, roomID int64, cursor string) *peer {
	p := r.dial(l, roomID, cursor)
	if !p.sees("event: ready") {
		r.t.Error("no stream was opened")
	}
	return p
}

// sees reads until a line begins so.
func (p *peer) sees(prefix string) bool {
	_ = p.SetReadDeadline(time.Now().Add(patience))
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

// streams are those that the hub knows.
func (r *rig) streams() (all []*Stream) {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	for _, s := range r.hub.streams {
		all = append(all, s)
	}
	return all
}

// eventually waits until nothing is wrong any more.
func eventually(t *testing.T, what func() string) {
	t.Helper()
	within(t, patience, what)
}

func within(t *testing.T, patience time.Duration, what func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
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
