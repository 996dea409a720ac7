package nodes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	crashWriters = 50
	crashReaders = 20
	crashRooms   = 10
	crashSends   = 40 // for each writer
	crashKills   = 5
)

// TestNothingAcknowledgedIsLostOrShownTwice kills the server repeatedly while many clients write and read. An
// acknowledged message must be in the history and arrive at every reader exactly once, in one order; any other message
// at most once.
func TestNothingAcknowledgedIsLostOrShownTwice(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		run := newCrashRun(t, database)
		var readers, writers sync.WaitGroup
		results := make([]*crashReader, crashReaders)
		for i := range results {
			r := run.reader(i)
			results[i] = r
			readers.Go(r.read)
		}
		for i := range crashWriters {
			w := run.writer(i)
			writers.Go(w.write)
		}
		run.killRepeatedly()
		writers.Wait()
		run.finish()
		readers.Wait()
		run.compare(results)
	})
}

// crashRun is one run of the test on one database. Its readers, writers and the killing goroutine share it.
type crashRun struct {
	t       *testing.T
	process *harness.Process
	owner   *harness.Client
	rooms   []int64

	mu       sync.Mutex
	up       chan struct{}     // closed while the server is up
	acked    map[string]string // text → "room/id"
	unacked  map[string]bool   // texts of failed sends that were not retried
	progress chan struct{}     // a value for each finished send
	replays  atomic.Int64

	ended chan struct{}   // closed when the writers are done and last is set
	last  map[int64]int64 // the newest message id of each room
}

func newCrashRun(t *testing.T, database string) *crashRun {
	run := &crashRun{
		t:        t,
		process:  harness.StartProcess(t, database, "--rate-limit", "off"),
		up:       make(chan struct{}),
		ended:    make(chan struct{}),
		acked:    map[string]string{},
		unacked:  map[string]bool{},
		last:     map[int64]int64{},
		progress: make(chan struct{}, crashWriters*crashSends),
	}
	close(run.up)
	run.owner = harness.NewClient(t, run.process.URL).NewGuestNamed("owner")
	for range crashRooms {
		run.rooms = append(run.rooms, run.owner.CreateRoom(models.NewRoom{Name: harness.Ptr("a room")}).ID)
	}
	return run
}

// member creates a client that is a member of all rooms.
func (run *crashRun) member(name string) *harness.Client {
	c := run.owner.NewGuestNamed(name)
	for _, id := range run.rooms {
		c.JoinRoom(id)
	}
	return c
}

// waitUp waits until the server is up. It is called after a failed request.
func (run *crashRun) waitUp() {
	run.mu.Lock()
	up := run.up
	run.mu.Unlock()
	<-up
}

// killRepeatedly kills and restarts the server each time an equal share of the sends has finished.
func (run *crashRun) killRepeatedly() {
	for range crashKills {
		for range crashWriters * crashSends / (crashKills + 2) {
			<-run.progress
		}
		run.mu.Lock()
		run.up = make(chan struct{})
		run.mu.Unlock()
		run.process.Kill()
		run.process.Start()
		run.mu.Lock()
		close(run.up)
		run.mu.Unlock()
	}
}

// crashWriter sends messages to random rooms.
type crashWriter struct {
	*crashRun
	client *harness.Client
	name   string
}

func (run *crashRun) writer(i int) crashWriter {
	name := fmt.Sprintf("writer-%d", i)
	return crashWriter{run, run.member(name), name}
}

func (w crashWriter) write() {
	for i := range crashSends {
		text := fmt.Sprintf("%s sends %d", w.name, i)
		room := w.rooms[rand.IntN(len(w.rooms))]
		// Half of the sends are retried until they succeed. Of the others that fail, the outcome is unknown.
		retry := rand.IntN(2) == 0
		first, ok := w.send(room, text, retry)
		w.mu.Lock()
		if ok {
			w.acked[text] = fmt.Sprintf("%d/%d", room, first.ID)
		} else {
			w.unacked[text] = true
		}
		w.mu.Unlock()
		w.progress <- struct{}{}
		if ok && rand.IntN(5) == 0 {
			w.repeat(room, text, first)
		}
	}
}

// send sends a message with an idempotency key of its own, and reports whether it was acknowledged. With retry it is
// repeated until then.
func (w crashWriter) send(room int64, text string, retry bool) (models.Message, bool) {
	for {
		var m models.Message
		a, err := w.client.TryCall(context.Background(), "POST", harness.RoomPath(room)+"/messages",
			models.NewMessage{Text: text}, harness.IdempotencyKey, idempotencyKey(text))
		if err == nil && a.HTTP.StatusCode == 201 {
			a.Decode(&m)
			return m, true
		}
		if err == nil && a.HTTP.StatusCode != 503 {
			w.t.Errorf("%v", a)
			return m, false
		}
		if !retry {
			return m, false
		}
		w.waitUp()
	}
}

// idempotencyKey derives the key of a message from its text, which is unique.
func idempotencyKey(text string) string { return fmt.Sprintf("%x", text) }

// repeat sends the message again with the same key, and expects the same response.
func (w crashWriter) repeat(room int64, text string, first models.Message) {
	again, ok := w.send(room, text, true)
	if !ok || again.ID != first.ID || again.CreatedAt != first.CreatedAt {
		w.t.Errorf("%q is message %d, but message %d after a repetition with the same key", text, first.ID, again.ID)
	}
	w.replays.Add(1)
}

// crashReader reads an event stream, which is disconnected and resumed repeatedly.
type crashReader struct {
	*crashRun
	client *harness.Client
	lastID string
	cuts   int // disconnections
	seen   map[int64][]models.Message
}

func (run *crashRun) reader(i int) *crashReader {
	r := &crashReader{crashRun: run, client: run.member(fmt.Sprintf("reader-%d", i)), seen: map[int64][]models.Message{}}
	r.lastID = r.client.Call("GET", "/v1/rooms", nil).ExpectStatus(200).Header("Event-Cursor")
	return r
}

// read reads until all messages of all rooms have arrived. It disconnects at random times and resumes from the last id.
func (r *crashReader) read() {
	for !r.complete() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(100+rand.IntN(300))*time.Millisecond)
		err := r.readOnce(ctx)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			r.waitUp()
		}
		r.cuts++
	}
}

func (r *crashReader) readOnce(ctx context.Context) error {
	query := ""
	for _, id := range r.rooms {
		query += fmt.Sprintf("room=%d&", id)
	}
	body, err := r.client.TryOpenStream(ctx, query, "Last-Event-ID", r.lastID)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return harness.ReadEvents(body, r.take)
}

// take checks an event, and reports whether to continue with the stream.
func (r *crashReader) take(e harness.Event) bool {
	switch models.EventName(e.Name) {
	case models.EventMessageCreated:
		var m models.Message
		if err := e.Decode(&m); err != nil {
			r.t.Error(err)
			return false
		}
		if want := int64(len(r.seen[m.RoomID]) + 1); m.ID != want {
			r.t.Errorf("room %d: got message %d, want %d", m.RoomID, m.ID, want)
			return false
		}
		r.seen[m.RoomID] = append(r.seen[m.RoomID], m)
	case models.EventResync, models.EventMessageNotification:
		r.t.Errorf("unexpected %v", e)
		return false
	}
	if e.ID != "" {
		r.lastID = e.ID
	}
	return !r.complete()
}

// complete reports whether the writers are done and all their messages have arrived, or the test has failed.
func (r *crashReader) complete() bool {
	if r.t.Failed() {
		return true
	}
	select {
	case <-r.ended:
	default:
		return false
	}
	for room, last := range r.last {
		if int64(len(r.seen[room])) < last {
			return false
		}
	}
	return true
}

// finish reads the newest message id of each room, so that the readers know when they are complete.
func (run *crashRun) finish() {
	for _, id := range run.rooms {
		var room models.Room
		run.owner.Call("GET", harness.RoomPath(id), nil).ExpectStatus(200).Decode(&room)
		run.last[id] = room.LastMessageID
		if room.MessageCount != room.LastMessageID {
			run.t.Errorf("room %d has %d messages, but the newest one is %d", id, room.MessageCount, room.LastMessageID)
		}
		if unread := room.Membership.UnreadCount; unread != room.MessageCount {
			run.t.Errorf("room %d has %d messages, of which %d are unread for a member who has read none",
				id, room.MessageCount, unread)
		}
	}
	close(run.ended)
}

// compare compares what was acknowledged with the history, and the history with what each reader received.
func (run *crashRun) compare(readers []*crashReader) {
	stored := map[string]string{}
	cuts := 0
	for _, id := range run.rooms {
		history := run.owner.AllMessages(id)
		for _, m := range history {
			if first, twice := stored[m.Text]; twice {
				run.t.Errorf("%q is stored twice: %s and %d/%d", m.Text, first, id, m.ID)
			}
			stored[m.Text] = fmt.Sprintf("%d/%d", id, m.ID)
		}
		for i, r := range readers {
			if !slices.EqualFunc(history, r.seen[id], sameMessage) {
				run.t.Errorf("room %d: the messages of reader %d differ from the history", id, i)
			}
		}
	}
	for text, acknowledged := range run.acked {
		if stored[text] != acknowledged {
			run.t.Errorf("%q was acknowledged as %s, but is stored as %q", text, acknowledged, stored[text])
		}
	}
	for _, r := range readers {
		cuts += r.cuts
	}
	run.t.Logf("%d acknowledged, %d with unknown outcome, %d repeated with their key, %d stored, %d kills, %d cuts",
		len(run.acked), len(run.unacked), run.replays.Load(), len(stored), crashKills, cuts)
}

func sameMessage(a, b models.Message) bool {
	return a.ID == b.ID && a.Text == b.Text && a.Sender == b.Sender && a.CreatedAt == b.CreatedAt
}
