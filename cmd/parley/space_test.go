package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// everything is more than any disk has.
const everything = "9000TB"

// TestNoSpace: a server whose disk is nearly full refuses what writes, before the database does, and goes on with the rest.
func TestNoSpace(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		data := t.TempDir()
		before := startServer(t, database, "--data-dir", data, "--min-free-disk", "0")
		c := newClient(t, before.url)
		me := c.account("ada")
		room := me.publicRoom()
		said := me.say(room.ID, "hello")
		before.halt()

		s := startServer(t, database, "--data-dir", data, "--min-free-disk", everything)
		c.url = s.url
		me.url = s.url
		me = me.logIn()
		stream := me.open("")
		full := func(a *answer) {
			t.Helper()
			a.problem(503, models.CodeUnavailable)
			if a.header("Retry-After") == "" {
				t.Errorf("%v\nsays nothing of when to try again", a)
			}
		}
		full(me.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "more"}))
		full(me.call("POST", roomPath(room.ID)+"/files?name=a", []byte("bytes"), "Content-Type", "text/plain"))
		full(me.call("PATCH", "/v1/users/me", models.ProfileChange{Description: ptr("more")}))
		full(c.call("POST", "/v1/users", models.NewUser{Username: unique("u"), Password: password}))
		full(c.call("POST", "/v1/sessions", models.Credentials{Username: unique("g"), Guest: true}))
		full(c.call("GET", "/readyz", nil))
		c.call("GET", "/healthz", nil).status(200)
		me.call("GET", roomPath(room.ID)+"/messages", nil).status(200)
		me.call("DELETE", messagePath(said), nil).status(204)
		stream.expect(models.EventMessageDeleted, nil)
		c.call("POST", refreshPath, refresh(me.RefreshToken)).status(200)
		me.call("DELETE", roomPath(room.ID), nil).status(204)
		if metrics := string(c.send("GET", "/metrics", nil).body); !strings.Contains(metrics, `parley_requests_refused_total{reason="disk_space"}`) {
			t.Error("the metrics do not say what was refused")
		}
	})
}

// TestSpaceComesAndGoes: what the watch finds holds until it finds something else, and is logged once.
func TestSpaceComesAndGoes(t *testing.T) {
	log := &lines{}
	s := watchSpace([]watched{{folder: t.TempDir()}}, freeSpace{auto: true}, slog.New(slog.NewJSONHandler(log, nil)))
	s.close()
	if s.err() != nil {
		t.Skipf("the disk is nearly full: %v", s.err())
	}
	for range 2 {
		if err := s.floor.UnmarshalText([]byte(everything)); err != nil {
			t.Fatal(err)
		}
		s.look()
		s.look()
		if s.err() == nil {
			t.Error("there is room on a disk that is too small")
		}
		if err := s.floor.UnmarshalText([]byte("1KB")); err != nil {
			t.Fatal(err)
		}
		s.look()
		s.look()
		if s.err() != nil {
			t.Errorf("there is no room: %v", s.err())
		}
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if n := strings.Count(log.text.String(), "\n"); n != 4 {
		t.Errorf("logged is, of 4 changes, %s", log.text.String())
	}
}

func TestFreeSpace(t *testing.T) {
	for text, want := range map[string]uint64{"auto": 5e8, "0": 0, "3GB": 3e9} {
		var f freeSpace
		if err := f.UnmarshalText([]byte(text)); err != nil || f.of(1e10) != want {
			t.Errorf("%s of 10 GB is %d, %v", text, f.of(1e10), err)
		}
	}
	if f := (freeSpace{auto: true}); f.of(1e12) != 1e9 {
		t.Errorf("of 1 TB, %d bytes are kept free", f.of(1e12))
	}
	if err := new(freeSpace).UnmarshalText([]byte("much")); err == nil {
		t.Error("much is a size")
	}
}
