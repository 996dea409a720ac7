package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestOrderlyStop stops the program with SIGTERM while streams are open and messages come in: each stream gets all that
// was acknowledged, server.closing as its last event, and its end; the exit status is 0.
func TestOrderlyStop(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		p := startProcess(t, database)
		me := newClient(t, p.url).guest("ada")
		room := me.publicRoom()
		streams := []*stream{me.open(""), me.open(""), newClient(t, p.url).guest("grace").open("")}
		var mu sync.Mutex
		acknowledged := map[string]bool{}
		var writing sync.WaitGroup
		for range 4 {
			writing.Go(func() {
				for {
					a, err := me.try(t.Context(), "POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "x"})
					if err != nil || a.response.StatusCode == 503 {
						return
					}
					if a.response.StatusCode != 201 {
						t.Error(a)
						return
					}
					mu.Lock()
					acknowledged[a.eventID()] = true
					mu.Unlock()
				}
			})
		}
		first := streams[0].expect(models.EventMessageCreated, nil) // they have begun
		stopped := make(chan int)
		go func() { stopped <- p.terminate() }()
		told := []map[string]bool{{first.id: true}, {}, {}}
		for i, s := range streams {
			for e := s.next(); e.name != string(models.EventServerClosing); e = s.next() {
				told[i][e.id] = true
			}
			s.end()
		}
		if status := <-stopped; status != 0 {
			t.Errorf("the exit status is %d: %s", status, p.output.String())
		}
		writing.Wait()

		// What was acknowledged after the streams had ended is there when they come back.
		p.start()
		for i, s := range streams[:2] {
			resumed := me.open("", "Last-Event-ID", s.lastID)
			mark := me.say(room.ID, "the mark")
			for {
				var m models.Message
				e := resumed.expect(models.EventMessageCreated, &m)
				if told[i][e.id] {
					t.Errorf("told twice: %v", e)
				}
				told[i][e.id] = true
				if m.ID == mark.ID {
					break
				}
			}
			for id := range acknowledged {
				if !told[i][id] {
					t.Errorf("%s was acknowledged and not told", id)
				}
			}
			resumed.cancel()
		}
		if status := p.terminate(); status != 0 {
			t.Errorf("the exit status is %d: %s", status, p.output.String())
		}
	})
}

// TestExpiredCursor comes back after longer than events are kept.
func TestExpiredCursor(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		before := startServer(t, database)
		me := newClient(t, before.url).guest("ada")
		room := me.publicRoom()
		cursor := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
		me.say(room.ID, "pruned")
		before.halt()

		me = me.at(startServer(t, database, "--event-retention", "1ms").url)
		eventually(t, "the events are pruned", func() bool {
			return me.call("GET", "/v1/events?after="+cursor, nil, "Accept", "application/json").response.StatusCode == 410
		})
		s := me.open("", "Last-Event-ID", cursor)
		var resync models.Resync
		e := s.expect(models.EventResync, &resync)
		if s.ready.Resumed || resync.Reason != models.ResyncExpired || e.id == "" {
			t.Errorf("got %+v, %v", s.ready, e)
		}
		var told models.Message
		m := me.say(room.ID, "kept")
		s.expect(models.EventMessageCreated, &told)
		if told.ID != m.ID {
			t.Errorf("told %+v", told)
		}
		if history := get[models.Page[models.Message]](me, roomPath(room.ID)+"/messages").Items; len(history) != 2 {
			t.Errorf("the history went with the events: %+v", history)
		}
		if resumed := me.open("", "Last-Event-ID", e.id); !resumed.ready.Resumed {
			t.Errorf("%v cannot be resumed from", e)
		}
	})
}

// TestHeartbeat wants a comment on a stream on which nothing happens.
func TestHeartbeat(t *testing.T) {
	long(t)
	if testing.Short() {
		t.Skip("takes up to 20 seconds")
	}
	t.Parallel()
	me := newClient(t, startServer(t, t.TempDir()+"/parley.db").url).guest("ada")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	body := me.openBody(ctx, "")
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
// start. All must succeed, whoever is first; but SQLite is for one server, and for those who migrate before it.
func TestStartsAtOnce(t *testing.T) {
	long(t)
	onEachEmptyDatabase(t, func(t *testing.T, database string) {
		program := func(args ...string) (string, error) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], append(args, "--database", database)...)
			cmd.Env = programEnvironment(asProgram + "=1")
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
		servers := make([]*process, 2)
		if !shared {
			servers = servers[:1]
		}
		for i := range servers {
			servers[i] = launchProcess(t, database)
		}
		for _, p := range servers {
			p.waitReady()
		}
		migrating.Wait()
		if output, err := program("migrate", "status"); err != nil || output == "" || strings.Contains(output, "pending") {
			t.Errorf("migrate status: %v\n%s", err, output)
		}
		// They serve the same rooms, and know each other's tokens.
		me := newClient(t, servers[0].url).guest("ada")
		there := me.at(servers[len(servers)-1].url)
		cursor := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
		room := me.publicRoom()
		if got := there.look(room.ID); got.Handle != room.Handle {
			t.Errorf("%+v is %+v at the other one", room, got)
		}
		if shared { // several nodes are one service, with one log
			there.open("last_event_id="+cursor).expect(models.EventRoomCreated, nil)
		}
	})
}
