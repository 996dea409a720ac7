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
	"github.com/parley-chat/parley/test/harness"
)

// TestOrderlyStop stops the program with SIGTERM while streams are open and messages come in: each stream gets all that
// was acknowledged, server.closing as its last event, and its end; the exit status is 0.
func TestOrderlyStop(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := harness.StartProcess(t, database)
		me := harness.NewClient(t, p.URL).NewGuestNamed("ada")
		room := me.CreatePublicRoom()
		streams := []*harness.Stream{me.OpenStream(""), me.OpenStream(""), harness.NewClient(t, p.URL).NewGuestNamed("grace").OpenStream("")}
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
		first := streams[0].Expect(models.EventMessageCreated, nil) // they have begun
		stopped := make(chan int)
		go func() { stopped <- p.Terminate() }()
		told := []map[string]bool{{first.ID: true}, {}, {}}
		for i, s := range streams {
			for e := s.Next(); e.Name != string(models.EventServerClosing); e = s.Next() {
				told[i][e.ID] = true
			}
			s.ExpectEnd()
		}
		if status := <-stopped; status != 0 {
			t.Errorf("the exit status is %d: %s", status, p.Output.String())
		}
		writing.Wait()

		// What was acknowledged after the streams had ended is there when they come back.
		p.Start()
		for i, s := range streams[:2] {
			resumed := me.OpenStream("", "Last-Event-ID", s.LastID)
			mark := me.SendText(room.ID, "the mark")
			for {
				var m models.Message
				e := resumed.Expect(models.EventMessageCreated, &m)
				if told[i][e.ID] {
					t.Errorf("told twice: %v", e)
				}
				told[i][e.ID] = true
				if m.ID == mark.ID {
					break
				}
			}
			for id := range acknowledged {
				if !told[i][id] {
					t.Errorf("%s was acknowledged and not told", id)
				}
			}
			resumed.Cancel()
		}
		if status := p.Terminate(); status != 0 {
			t.Errorf("the exit status is %d: %s", status, p.Output.String())
		}
	})
}

// TestExpiredCursor comes back after longer than events are kept.
func TestExpiredCursor(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		before := harness.StartServer(t, database)
		me := harness.NewClient(t, before.URL).NewGuestNamed("ada")
		room := me.CreatePublicRoom()
		cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
		me.SendText(room.ID, "pruned")
		before.Stop()

		me = me.AtServer(harness.StartServer(t, database, "--event-retention", "1ms").URL)
		harness.Eventually(t, "the events are pruned", func() bool {
			return me.Call("GET", "/v1/events?after="+cursor, nil, "Accept", "application/json").HTTP.StatusCode == 410
		})
		s := me.OpenStream("", "Last-Event-ID", cursor)
		var resync models.Resync
		e := s.Expect(models.EventResync, &resync)
		if s.Ready.Resumed || resync.Reason != models.ResyncExpired || e.ID == "" {
			t.Errorf("got %+v, %v", s.Ready, e)
		}
		var told models.Message
		m := me.SendText(room.ID, "kept")
		s.Expect(models.EventMessageCreated, &told)
		if told.ID != m.ID {
			t.Errorf("told %+v", told)
		}
		if history := harness.Get[models.Page[models.Message]](me, harness.RoomPath(room.ID)+"/messages").Items; len(history) != 2 {
			t.Errorf("the history went with the events: %+v", history)
		}
		if resumed := me.OpenStream("", "Last-Event-ID", e.ID); !resumed.Ready.Resumed {
			t.Errorf("%v cannot be resumed from", e)
		}
	})
}

// TestHeartbeat wants a comment on a stream on which nothing happens.
func TestHeartbeat(t *testing.T) {
	harness.Long(t)
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
			t.Fatalf("no comment came: %v", err)
		}
		if strings.HasPrefix(line, ":") {
			return
		}
	}
}

// TestStartsAtOnce migrates a fresh database from several programs at once, some by "migrate up" and some by their
// start. All must succeed, whichever is first; but SQLite is for one server, and for those who migrate before it.
func TestStartsAtOnce(t *testing.T) {
	harness.Long(t)
	harness.OnEachEmptyDatabase(t, func(t *testing.T, database string) {
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
				if output, err := program("migrate", "up"); err != nil || strings.Contains(output, "pending") {
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
		// They serve the same rooms, and know each other's tokens.
		me := harness.NewClient(t, servers[0].URL).NewGuestNamed("ada")
		there := me.AtServer(servers[len(servers)-1].URL)
		cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
		room := me.CreatePublicRoom()
		if got := there.GetRoom(room.ID); got.Handle != room.Handle {
			t.Errorf("%+v is %+v at the other one", room, got)
		}
		if shared { // several nodes are one service, with one log
			there.OpenStream("last_event_id="+cursor).Expect(models.EventRoomCreated, nil)
		}
	})
}
