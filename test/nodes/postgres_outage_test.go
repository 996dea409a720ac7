package nodes

import (
	"net/http"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/databases"
	"github.com/parley-chat/parley/test/harness"
)

// TestBrokenConnectionsAreNotInternalErrors terminates all of the server's connections to PostgreSQL, as a restart of
// the database does, before each of several calls that read or write. Each call succeeds or fails with 503, and
// succeeds when it is repeated.
func TestBrokenConnectionsAreNotInternalErrors(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	s := harness.StartServer(t, database)
	me := harness.NewClient(t, s.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	ctx, conn := t.Context(), databases.ConnectPostgres(t, database)
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
		if _, err := conn.Exec(ctx, terminateOthers); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, call.method+" "+call.path+" succeeds", func() bool {
			a := me.Call(call.method, call.path, call.body)
			if status := a.HTTP.StatusCode; status >= 300 && status != http.StatusServiceUnavailable {
				t.Fatalf("after its connection was terminated: %v", a)
			}
			return a.HTTP.StatusCode != http.StatusServiceUnavailable
		})
	}
}

// TestSendDuringBrokenConnectionIsUnavailable terminates the connection over which a message is being stored. The send
// fails with 503, and succeeds when it is repeated.
func TestSendDuringBrokenConnectionIsUnavailable(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	s := harness.StartServer(t, database)
	me := harness.NewClient(t, s.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	ctx, conn := t.Context(), databases.ConnectPostgres(t, database)
	locking, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := locking.Exec(ctx, "SELECT 1 FROM rooms WHERE id = $1 FOR UPDATE", room.ID); err != nil {
		t.Fatal(err)
	}
	responses := make(chan *harness.Response, 1)
	go func() {
		responses <- me.Send("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "text"})
	}()
	harness.Eventually(t, "the send waits for the lock of the room, and its connection is terminated", func() bool {
		var terminated int
		err := locking.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&terminated)
		if err != nil {
			t.Fatal(err)
		}
		return terminated > 0
	})
	(<-responses).ExpectProblem(http.StatusServiceUnavailable, models.CodeUnavailable)
	if err := locking.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	me.SendText(room.ID, "again")
}

// terminateOthers terminates all other connections to the database.
const terminateOthers = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid()`

// TestNotReadyWhileWritesFail makes PostgreSQL read-only, like a standby. The server is not ready then, and is ready
// again when writes succeed.
func TestNotReadyWhileWritesFail(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	database := harness.NewPostgres(t)
	s := harness.StartServer(t, database)
	c := harness.NewClient(t, s.URL)
	c.Call("GET", "/readyz", nil).ExpectStatus(http.StatusOK)
	conn := databases.ConnectPostgres(t, database)
	for _, step := range []struct {
		setting string
		status  int
	}{
		{"SET default_transaction_read_only = on", http.StatusServiceUnavailable},
		{"RESET default_transaction_read_only", http.StatusOK},
	} {
		for _, statement := range []string{
			"SET default_transaction_read_only = off",
			"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I " + step.setting + "', current_database()); END $$",
			terminateOthers,
		} {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		harness.Eventually(t, "the readiness follows "+step.setting, func() bool {
			return c.Call("GET", "/readyz", nil).HTTP.StatusCode == step.status
		})
	}
}
