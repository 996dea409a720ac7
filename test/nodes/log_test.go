package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestTwoNodesOneLog has two nodes write to the same rooms in one PostgreSQL database. A watcher reads the log all the
// time over a connection of its own: positions must have no gap, none must become visible after a higher one (as
// happens with a sequence), and an acknowledged message must be visible at once. Readers at both nodes get all messages
// in the same order.
func TestTwoNodesOneLog(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	database := harness.NewPostgres(t)
	nodes := []*harness.Server{harness.StartServer(t, database), harness.StartServer(t, database)}
	owner := harness.NewClient(t, nodes[0].URL).NewGuestNamed("owner")
	var rooms []int64
	for range 3 {
		rooms = append(rooms, owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")}).ID)
	}
	query := fmt.Sprintf("room=%d&room=%d&room=%d", rooms[0], rooms[1], rooms[2])
	streams := []*harness.Stream{owner.OpenStream(query), owner.AtServer(nodes[1].URL).OpenStream(query)}

	const writers, sends = 16, 40
	watch := watchLog(t, database)
	var writing sync.WaitGroup
	for i := range writers {
		c := owner.NewGuestNamed(fmt.Sprintf("writer-%d", i)).AtServer(nodes[i%2].URL)
		for _, id := range rooms {
			c.JoinRoom(id)
		}
		writing.Go(func() {
			for n := range sends {
				a := c.Send("POST", harness.RoomPath(rooms[n%3])+"/messages", models.NewMessage{Text: fmt.Sprint(i, n)})
				if a.HTTP.StatusCode != 201 {
					t.Error(a)
				}
				watch.expectCommitted(a.Header("Event-Id"), a.Body)
			}
		})
	}
	writing.Wait()
	watch.finish()
	order := [2][]string{}
	for i, s := range streams {
		for len(order[i]) < writers*sends {
			if e := s.Next(); e.Name == string(models.EventMessageCreated) {
				order[i] = append(order[i], e.ID)
			}
		}
	}
	if a, b := strings.Join(order[0], " "), strings.Join(order[1], " "); a != b {
		t.Errorf("the readers of the nodes got different orders:\n%s\n%s", a, b)
	}
}

// logWatch reads the table of events repeatedly, each time from the last position it has read.
type logWatch struct {
	t    *testing.T
	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup
	pool chan *pgx.Conn // for expectCommitted
}

// watchLog starts a logWatch, which finish stops.
func watchLog(t *testing.T, database string) *logWatch {
	ctx, stop := context.WithCancel(context.Background())
	w := &logWatch{t: t, ctx: ctx, stop: stop, pool: make(chan *pgx.Conn, 4)}
	for range cap(w.pool) {
		w.pool <- w.connect(database)
	}
	conn := w.connect(database)
	w.done.Go(func() {
		defer func() { _ = conn.Close(context.Background()) }()
		for position := int64(0); ctx.Err() == nil; {
			position = w.scan(conn, position)
		}
	})
	return w
}

func (w *logWatch) connect(database string) *pgx.Conn {
	conn, err := pgx.Connect(w.ctx, database)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// scan reads the events after position, which must have no gap, and returns the last position.
func (w *logWatch) scan(conn *pgx.Conn, position int64) int64 {
	rows, err := conn.Query(context.Background(),
		"SELECT position FROM events WHERE position > $1 ORDER BY position", position)
	if err != nil {
		w.t.Error(err)
		w.stop()
		return position
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		if err := rows.Scan(&at); err != nil {
			w.t.Error(err)
		}
		if at != position+1 {
			w.t.Errorf("got position %d after %d", at, position)
			w.stop()
		}
		position = at
	}
	return position
}

// expectCommitted expects the event of an acknowledged message to be committed with the content of the response.
func (w *logWatch) expectCommitted(eventID string, body []byte) {
	conn := <-w.pool
	defer func() { w.pool <- conn }()
	at, ok := models.ParseCursor(eventID)
	if !ok {
		w.t.Errorf("the event id %q is invalid", eventID)
	}
	var stored, acknowledged models.Message
	err := conn.QueryRow(context.Background(), `SELECT m.room_id, m.id, m.text, m.sender_id FROM events e
		JOIN messages m ON m.room_id = e.room_id AND m.id = e.message_id WHERE e.position = $1`, at.Position).
		Scan(&stored.RoomID, &stored.ID, &stored.Text, &stored.Sender.ID)
	if err != nil {
		w.t.Errorf("the event of an acknowledged message is not in the log: %v", err)
	}
	if err := json.Unmarshal(body, &acknowledged); err != nil {
		w.t.Error(err)
	}
	if stored.RoomID != acknowledged.RoomID || stored.ID != acknowledged.ID ||
		stored.Text != acknowledged.Text || stored.Sender.ID != acknowledged.Sender.ID {
		w.t.Errorf("acknowledged %s, stored %+v", body, stored)
	}
}

// finish stops the watch and closes its connections.
func (w *logWatch) finish() {
	w.stop()
	w.done.Wait()
	for range cap(w.pool) {
		_ = (<-w.pool).Close(context.Background())
	}
}
