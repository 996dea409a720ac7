package nodes

import (
	"net/http"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestBrokenConnectionsAreNoDefect ends all of the server's connections to PostgreSQL, as a restart of the database
// does, and then calls routes that read and routes that write. Each call is answered, or told to come again; none finds
// a defect.
func TestBrokenConnectionsAreNoDefect(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	s := harness.StartServer(t, database)
	me := harness.NewClient(t, s.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	ctx, conn := t.Context(), harness.ConnectPostgres(t, database)
	for _, call := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/v1/users/me", nil},
		{"GET", harness.RoomPath(room.ID) + "/messages", nil},
		{"GET", harness.RoomPath(room.ID) + "/members", nil},
		{"POST", harness.RoomPath(room.ID) + "/messages", models.NewMessage{Text: "text"}},
		{"PATCH", harness.RoomPath(room.ID), map[string]string{"name": "another"}},
	} {
		_, err := conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, call.method+" "+call.path+" is answered", func() bool {
			a := me.Call(call.method, call.path, call.body)
			if status := a.HTTP.StatusCode; status >= 300 && status != http.StatusServiceUnavailable {
				t.Fatalf("a broken connection became %v", a)
			}
			return a.HTTP.StatusCode != http.StatusServiceUnavailable
		})
	}
}

// TestSendWhoseConnectionBreaks breaks the connection over which a message is being stored. Its sender is told to come
// again, and does so with success.
func TestSendWhoseConnectionBreaks(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	s := harness.StartServer(t, database)
	me := harness.NewClient(t, s.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	ctx, conn := t.Context(), harness.ConnectPostgres(t, database)
	held, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(ctx, "SELECT 1 FROM rooms WHERE id = $1 FOR UPDATE", room.ID); err != nil {
		t.Fatal(err)
	}
	answered := make(chan *harness.Response, 1)
	go func() {
		answered <- me.Send("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "text"})
	}()
	harness.Eventually(t, "the send waits for the room and is broken off", func() bool {
		var ended int
		err := held.QueryRow(ctx, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&ended)
		if err != nil {
			t.Fatal(err)
		}
		return ended > 0
	})
	(<-answered).ExpectProblem(http.StatusServiceUnavailable, models.CodeUnavailable)
	if err := held.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	me.SendText(room.ID, "again")
}

// TestReadyWhileWritesFail has PostgreSQL take no writes, as a standby does. The server says that it is not ready, and
// is ready again when they pass.
func TestReadyWhileWritesFail(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	database := harness.NewPostgres(t)
	s := harness.StartServer(t, database)
	c := harness.NewClient(t, s.URL)
	c.Call("GET", "/readyz", nil).ExpectStatus(http.StatusOK)
	conn := harness.ConnectPostgres(t, database)
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
		harness.Eventually(t, step.setting, func() bool {
			return c.Call("GET", "/readyz", nil).HTTP.StatusCode == step.status
		})
	}
}
