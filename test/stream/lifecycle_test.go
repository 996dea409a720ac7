package stream

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/databases"
	"github.com/parley-chat/parley/test/harness"
)

// TestGracefulStopLosesNothing stops the program with SIGTERM while streams are open and messages are sent. Each stream
// gets server.closing as its last event and then ends; the exit status is 0; a resumed stream gets every acknowledged
// message that it has not received yet.
func TestGracefulStopLosesNothing(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := harness.StartProcess(t, database)
		me := harness.NewClient(t, p.URL).NewGuestNamed("ada")
		room := me.CreatePublicRoom()
		streams := []*harness.Stream{
			me.OpenStream(""),
			me.OpenStream(""),
			harness.NewClient(t, p.URL).NewGuestNamed("grace").OpenStream(""),
		}
		var mu sync.Mutex
		acknowledged := map[string]bool{}
		var writing sync.WaitGroup
		for range 4 {
			writing.Go(func() {
				for {
					a, err := me.TryCall(t.Context(), "POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "x"})
					if err != nil || a.HTTP.StatusCode == 503 {
						return
					}
					if a.HTTP.StatusCode != 201 {
						t.Error(a)
						return
					}
					mu.Lock()
					acknowledged[a.EventID()] = true
					mu.Unlock()
				}
			})
		}
		first := streams[0].Expect(models.EventMessageCreated, nil) // the writers have begun
		stopped := make(chan int)
		go func() { stopped <- p.Terminate() }()
		received := []map[string]bool{{first.ID: true}, {}, {}}
		for i, s := range streams {
			for e := s.Next(); e.Name != string(models.EventServerClosing); e = s.Next() {
				received[i][e.ID] = true
			}
			s.ExpectEnd()
		}
		if status := <-stopped; status != 0 {
			t.Errorf("the exit status is %d: %s", status, p.Output.String())
		}
		writing.Wait()

		// Messages that were acknowledged after the streams ended arrive when the streams are resumed.
		p.Start()
		for i, s := range streams[:2] {
			resumed := me.OpenStream("", "Last-Event-ID", s.LastID)
			end := me.SendText(room.ID, "the end")
			for {
				var m models.Message
				e := resumed.Expect(models.EventMessageCreated, &m)
				if received[i][e.ID] {
					t.Errorf("received twice: %v", e)
				}
				received[i][e.ID] = true
				if m.ID == end.ID {
					break
				}
			}
			for id := range acknowledged {
				if !received[i][id] {
					t.Errorf("%s was acknowledged, but not received", id)
				}
			}
			resumed.Cancel()
		}
		if status := p.Terminate(); status != 0 {
			t.Errorf("the exit status is %d: %s", status, p.Output.String())
		}
	})
}

// TestExpiredCursorGetsResync resumes a stream after its cursor was pruned from the log. The history is kept.
func TestExpiredCursorGetsResync(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		before := harness.StartServer(t, database)
		me := harness.NewClient(t, before.URL).NewGuestNamed("ada")
		room := me.CreatePublicRoom()
		cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
		me.SendText(room.ID, "pruned")
		before.Stop()

		me = me.AtServer(harness.StartServer(t, database, "--event-retention", "1ms").URL)
		harness.Eventually(t, "the events are pruned", func() bool {
			return me.Call("GET", "/v1/events/log?after="+cursor, nil).HTTP.StatusCode == 410
		})
		s := me.OpenStream("", "Last-Event-ID", cursor)
		var resync models.Resync
		e := s.Expect(models.EventResync, &resync)
		if s.Ready.Resumed || resync.Reason != models.ResyncExpired || e.ID == "" {
			t.Errorf("got %+v, %v", s.Ready, e)
		}
		var received models.Message
		m := me.SendText(room.ID, "kept")
		s.Expect(models.EventMessageCreated, &received)
		if received.ID != m.ID {
			t.Errorf("got %+v, want %+v", received, m)
		}
		history := harness.Get[models.Page[models.Message]](me, harness.RoomPath(room.ID)+"/messages").Items
		if len(history) != 2 {
			t.Errorf("the history is %+v, want two messages", history)
		}
		if resumed := me.OpenStream("", "Last-Event-ID", e.ID); !resumed.Ready.Resumed {
			t.Errorf("a stream cannot be resumed from %v", e)
		}
	})
}

// TestHeartbeatOnIdleStream expects a comment on a stream without events.
func TestHeartbeatOnIdleStream(t *testing.T) {
	harness.SkipIfShort(t)
	if testing.Short() {
		t.Skip("takes up to 20 seconds")
	}
	t.Parallel()
	me := harness.NewClient(t, harness.StartServer(t, t.TempDir()+"/parley.db").URL).NewGuestNamed("ada")
	ctx, cancel := context.WithTimeout(t.Context(), 2*harness.Timeout)
	defer cancel()
	body := me.OpenStreamBody(ctx, "")
	defer func() { _ = body.Close() }()
	for lines := bufio.NewReader(body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended without a comment: %v", err)
		}
		if strings.HasPrefix(line, ":") {
			return
		}
	}
}

// TestConcurrentMigrations migrates an empty database with several programs at the same time, some with "migrate up"
// and some with their start. All must succeed in any order. SQLite allows only one server, and migrations only before
// its start. There they wait for each other, but not for long: one that is refused for that is started again.
func TestConcurrentMigrations(t *testing.T) {
	harness.SkipIfShort(t)
	databases.OnEachEmpty(t, func(t *testing.T, database string) {
		program := func(args ...string) (string, error) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], append(args, "--database", database)...)
			cmd.Env = harness.ProgramEnvironment(harness.AsProgramVariable + "=1")
			output, err := cmd.CombinedOutput()
			return string(output), err
		}
		shared := strings.HasPrefix(database, "postgres")
		var migrating sync.WaitGroup
		for range 4 {
			migrating.Go(func() {
				output, err := program("migrate", "up")
				for err != nil && strings.Contains(output, "another Parley process") && t.Context().Err() == nil {
					output, err = program("migrate", "up")
				}
				if err != nil || strings.Contains(output, "pending") {
					t.Errorf("migrate up: %v\n%s", err, output)
				}
			})
		}
		if !shared {
			migrating.Wait()
		}
		servers := make([]*harness.Process, 2)
		if !shared {
			servers = servers[:1]
		}
		for i := range servers {
			servers[i] = harness.LaunchProcess(t, database)
		}
		for _, p := range servers {
			p.WaitReady()
		}
		migrating.Wait()
		if output, err := program("migrate", "status"); err != nil || output == "" || strings.Contains(output, "pending") {
			t.Errorf("migrate status: %v\n%s", err, output)
		}
		// The servers share rooms and tokens.
		me := harness.NewClient(t, servers[0].URL).NewGuestNamed("ada")
		atOther := me.AtServer(servers[len(servers)-1].URL)
		cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
		room := me.CreatePublicRoom()
		if got := atOther.GetRoom(room.ID); got.Handle != room.Handle {
			t.Errorf("the other server has %+v, want %+v", got, room)
		}
		if shared { // the nodes share one log
			atOther.OpenStream("last_event_id="+cursor).Expect(models.EventRoomCreated, nil)
		}
	})
}
