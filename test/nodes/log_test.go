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

// TestTwoNodesOneLog lets two nodes write into the same rooms of one PostgreSQL. A watcher reads the log all the while
// with a plain connection of its own: positions must come without a gap, none must appear behind one that was seen
// (which is what a sequence would do), and what a node acknowledged must be there at once. A reader at either node sees
// the messages of both in one order.
func TestTwoNodesOneLog(t *testing.T) {
	harness.Long(t)
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
	watched := watchLog(t, database)
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
				watched.isDurable(a.Header("Event-Id"), a.Body)
			}
		})
	}
	writing.Wait()
	watched.finish()
	order := [2][]string{}
	for i, s := range streams {
		for len(order[i]) < writers*sends {
			if e := s.Next(); e.Name == string(models.EventMessageCreated) {
				order[i] = append(order[i], e.ID)
			}
		}
	}
	if a, b := strings.Join(order[0], " "), strings.Join(order[1], " "); a != b {
		t.Errorf("the nodes' readers saw different orders:\n%s\n%s", a, b)
	}
}

// logWatch reads the table of events as nobody in Parley does: over and over from where it stood.
type logWatch struct {
	t    *testing.T
	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup
	pool chan *pgx.Conn // for isDurable
}

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

// scan reads on and answers how far it came.
func (w *logWatch) scan(conn *pgx.Conn, position int64) int64 {
	rows, err := conn.Query(context.Background(), "SELECT position FROM events WHERE position > $1 ORDER BY position", position)
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
			w.t.Errorf("position %d follows %d", at, position)
			w.stop()
		}
		position = at
	}
	return position
}

// isDurable wants the event of an acknowledged message to be committed, as the answer has it.
func (w *logWatch) isDurable(eventID string, body []byte) {
	conn := <-w.pool
	defer func() { w.pool <- conn }()
	at, ok := models.ParseCursor(eventID)
	if !ok {
		w.t.Errorf("not an event id: %q", eventID)
	}
	var told, answered models.Message
	err := conn.QueryRow(context.Background(), `SELECT m.room_id, m.id, m.text, m.sender_id FROM events e
		JOIN messages m ON m.room_id = e.room_id AND m.id = e.message_id WHERE e.position = $1`, at.Position).
		Scan(&told.RoomID, &told.ID, &told.Text, &told.Sender.ID)
	if err != nil {
		w.t.Errorf("the event of an acknowledged message is not in the log: %v", err)
	}
	if err := json.Unmarshal(body, &answered); err != nil {
		w.t.Error(err)
	}
	if told.RoomID != answered.RoomID || told.ID != answered.ID || told.Text != answered.Text || told.Sender.ID != answered.Sender.ID {
		w.t.Errorf("answered %s, stored %+v", body, told)
	}
}

func (w *logWatch) finish() {
	w.stop()
	w.done.Wait()
	for range cap(w.pool) {
		_ = (<-w.pool).Close(context.Background())
	}
}
