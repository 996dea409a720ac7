package main

import (
	"net/http"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestBrokenConnectionsAreNoDefect ends all of the server's connections to PostgreSQL, as a restart of the database does,
// and then calls routes that read and routes that write. Each call is answered, or told to come again; none finds a
// defect.
func TestBrokenConnectionsAreNoDefect(t *testing.T) {
	t.Parallel()
	database := newPostgres(t)
	s := startServer(t, database)
	me := newClient(t, s.url).guest("anna")
	room := me.room(models.NewRoom{Name: ptr("room")})
	ctx, conn := t.Context(), connectTo(t, database)
	for _, call := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/v1/users/me", nil},
		{"GET", roomPath(room.ID) + "/messages", nil},
		{"GET", roomPath(room.ID) + "/members", nil},
		{"POST", roomPath(room.ID) + "/messages", models.NewMessage{Text: "text"}},
		{"PATCH", roomPath(room.ID), map[string]string{"name": "another"}},
	} {
		_, err := conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, call.method+" "+call.path+" is answered", func() bool {
			a := me.call(call.method, call.path, call.body)
			if status := a.response.StatusCode; status >= 300 && status != http.StatusServiceUnavailable {
				t.Fatalf("a broken connection became %v", a)
			}
			return a.response.StatusCode != http.StatusServiceUnavailable
		})
	}
}

// TestSendWhoseConnectionBreaks breaks the connection over which a message is being stored. Its sender is told to come
// again, and does so with success.
func TestSendWhoseConnectionBreaks(t *testing.T) {
	t.Parallel()
	database := newPostgres(t)
	s := startServer(t, database)
	me := newClient(t, s.url).guest("anna")
	room := me.room(models.NewRoom{Name: ptr("room")})
	ctx, conn := t.Context(), connectTo(t, database)
	held, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(ctx, "SELECT 1 FROM rooms WHERE id = $1 FOR UPDATE", room.ID); err != nil {
		t.Fatal(err)
	}
	answered := make(chan *answer, 1)
	go func() { answered <- me.send("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "text"}) }()
	eventually(t, "the send waits for the room and is broken off", func() bool {
		var ended int
		err := held.QueryRow(ctx, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&ended)
		if err != nil {
			t.Fatal(err)
		}
		return ended > 0
	})
	(<-answered).problem(http.StatusServiceUnavailable, models.CodeUnavailable)
	if err := held.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	me.say(room.ID, "again")
}

// TestReadyWhileWritesFail has PostgreSQL take no writes, as a standby does. The server says that it is not ready, and is
// ready again when they pass.
func TestReadyWhileWritesFail(t *testing.T) {
	long(t)
	t.Parallel()
	database := newPostgres(t)
	s := startServer(t, database)
	c := newClient(t, s.url)
	c.call("GET", "/readyz", nil).status(http.StatusOK)
	conn := connectTo(t, database)
	for _, step := range []struct {
		setting string
		status  int
	}{{"SET default_transaction_read_only = on", http.StatusServiceUnavailable}, {"RESET default_transaction_read_only", http.StatusOK}} {
		for _, statement := range []string{
			"SET default_transaction_read_only = off",
			"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I " + step.setting + "', current_database()); END $$",
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
		} {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, step.setting, func() bool {
			return c.call("GET", "/readyz", nil).response.StatusCode == step.status
		})
	}
}
