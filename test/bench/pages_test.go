package bench

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	// pageMessages is the number of messages in the room whose history is read, pageRooms the number of its reader's
	// rooms.
	pageMessages = 100_000
	pageRooms    = 1000
	// In each round Parley and the queries take pageTurns turns of pageTime each.
	pageTurns = 2
	pageTime  = 250 * time.Millisecond
)

// benchPages measures how many pages per second of a large history and of a long list of rooms are read. It compares
// them with the same queries through the driver alone.
func benchPages(b *testing.B, t *table) {
	for _, d := range benchDatabases() {
		b.Run(d.name, func(b *testing.B) {
			l := d.newPageDatabase(b)
			for _, p := range l.pages() {
				for _, connections := range []int{1, 8} {
					b.Run(fmt.Sprintf("%s/connections=%d", p.name, connections), func(b *testing.B) {
						l.compare(b, t, p, connections)
					})
				}
			}
		})
	}
}

// pageDatabase is a database with a large history and a long list of rooms, opened both by a server and by the driver.
type pageDatabase struct {
	benchDatabase
	reader *harness.Client
	roomID int64
	bare   *sql.DB
}

// pageCase is a page that is read, and the queries that it consists of.
type pageCase struct {
	name, figure string
	path         string
	items        int
	queries      []pageQuery
}

// pageQuery is a statement, and the rows that it returns. columns has one letter per column: i for integers, s for
// strings, b for booleans.
type pageQuery struct {
	text    string
	args    []any
	columns string
	rows    int
}

func (d benchDatabase) newPageDatabase(b *testing.B) pageDatabase {
	b.Helper()
	database := d.make(b)
	s := harness.StartServer(b, database, "--rate-limit", "off")
	l := pageDatabase{benchDatabase: d, bare: d.open(b, database)}
	c := newChat(b, s.URL, 2)
	l.reader, l.roomID = c.members[0], c.roomID
	for i := range pageRooms - 1 {
		l.reader.CreateRoom(models.NewRoom{Name: harness.Ptr(fmt.Sprint("room ", i))})
	}
	s.Stop()
	fill := newBareLoop(c, d.bare(b, database)) // writes the rows that Parley would, but faster
	for fill.rows.lastID < pageMessages {
		if err := fill.commit(500); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := l.bare.Exec(d.compact); err != nil {
		b.Fatal(err)
	}
	s = harness.StartServer(b, database, "--rate-limit", "off")
	l.reader = l.reader.AtServer(s.URL)
	return l
}

func (l pageDatabase) pages() []pageCase {
	history := harness.RoomPath(l.roomID) + "/messages"
	const middle = pageMessages / 2
	return []pageCase{
		{
			"history-newest", "pages of history per second, the newest 50 of 100,000 messages",
			history, 50, l.historyQueries(pageMessages+1, 50),
		},
		{
			"history-middle", "pages of history per second, 50 amid 100,000 messages",
			fmt.Sprint(history, "?before=", middle), 50, l.historyQueries(middle, 50),
		},
		{"rooms-50", "pages of the room list per second, 50 of 1,000 rooms", "/v1/rooms", 50, l.roomQueries(50)},
		{
			"rooms-200", "pages of the room list per second, 200 of 1,000 rooms",
			"/v1/rooms?limit=200", 200, l.roomQueries(200),
		},
	}
}

func (l pageDatabase) compare(b *testing.B, t *table, p pageCase, connections int) {
	var page models.Page[struct{}]
	first := l.reader.Call("GET", p.path, nil).ExpectStatus(200)
	first.Decode(&page)
	if len(page.Items) != p.items {
		b.Fatalf("got a page of %d items, want %d", len(page.Items), p.items)
	}
	var asked []*caller
	var baseline []func() error
	for range connections {
		c := newCaller(b, l.reader.URL, "200", sameRequest(requestBytes(l.reader, "GET", p.path, nil)))
		c.size = len(first.Body)
		asked = append(asked, c)
		baseline = append(baseline, l.prepare(b, p.queries))
	}
	var rates pair
	for b.Loop() {
		rates.add(workInTurns(b, calls(asked), baseline, pageTurns, pageTime))
	}
	rates.report(b, "parley-pages/s", "bare-pages/s", "parley/bare")
	t.addWithGoal(figureName(p.figure+", "+l.title, connections), rates, "queries alone", whole, l.pageGoal)
}

// prepare prepares queries on a connection of its own, and returns a worker that runs them one after the other.
func (l pageDatabase) prepare(b *testing.B, queries []pageQuery) func() error {
	b.Helper()
	conn, err := l.bare.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	var statements []*sql.Stmt
	var variables [][]any
	for _, q := range queries {
		statement, err := conn.PrepareContext(b.Context(), q.text)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = statement.Close() })
		statements, variables = append(statements, statement), append(variables, q.scanTargets())
	}
	return func() error {
		for i, q := range queries {
			if err := q.run(statements[i], variables[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

func (q pageQuery) run(statement *sql.Stmt, row []any) error {
	rows, err := statement.QueryContext(context.Background(), q.args...) // a cancellable context costs a goroutine
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	n := 0
	for ; rows.Next(); n++ {
		if err := rows.Scan(row...); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n != q.rows {
		return fmt.Errorf("a query returned %d rows, want %d", n, q.rows)
	}
	return nil
}

// scanTargets returns variables of the types of the columns, for Scan.
func (q pageQuery) scanTargets() (row []any) {
	for _, kind := range q.columns {
		switch kind {
		case 'i':
			row = append(row, new(int64))
		case 's':
			row = append(row, new(string))
		case 'b':
			row = append(row, new(bool))
		}
	}
	return row
}

// historyQueries returns the queries for a page of history that ends before a message: the messages, with one extra to
// find out whether there is another page, and their files and reactions, of which there are none here.
func (l pageDatabase) historyQueries(before int64, items int) []pageQuery {
	ids := make([]any, items)
	for i := range ids {
		ids[i] = before - int64(items) + int64(i)
	}
	marks := strings.Repeat(", ?", items)[2:]
	return []pageQuery{
		{
			text: l.withPlaceholders(`SELECT m.room_id, m.id, m.sender_id, COALESCE(u.username, 'deleted'),
				COALESCE(u.display_name, 'Deleted account'), m.type, m.text, m.reply_to, m.client_id,
				m.created_at, m.edited_at, m.deleted_at
				FROM messages m LEFT JOIN users u ON u.id = m.sender_id
				WHERE m.room_id = ? AND m.id > ? AND m.id < ? ORDER BY m.id DESC LIMIT ?`),
			args: []any{l.roomID, 0, before, items + 1}, columns: "iiissssisiii", rows: items + 1,
		},
		{
			text: l.withPlaceholders(`SELECT id, room_id, user_id, message_id, place, blob, name, media_type, size, sha256,
				width, height, thumbnail, thumbnail_due, created_at FROM files
				WHERE room_id = ? AND message_id IN (` + marks + `) ORDER BY message_id, place`),
			args: append([]any{l.roomID}, ids...),
		},
		{
			text: l.withPlaceholders(`SELECT message_id, emoji, count(*), sum(CASE WHEN user_id = ? THEN 1 ELSE 0 END)
				FROM reactions WHERE room_id = ? AND message_id IN (` + marks + `)
				GROUP BY message_id, emoji ORDER BY message_id, min(created_at), emoji`),
			args: append([]any{l.reader.User.ID, l.roomID}, ids...),
		},
	}
}

func (l pageDatabase) roomQueries(items int) []pageQuery {
	return []pageQuery{{
		text: l.withPlaceholders(`SELECT r.id, r.handle, r.name, r.description, r.kind, r.subject, r.owner_id, r.created_at,
			r.updated_at, r.active_at, r.member_count, r.message_count, r.last_message_id, r.cleared_id,
			m.role, m.joined_at, m.last_read_id, m.own_count, m.muted
			FROM memberships m JOIN rooms r ON r.id = m.room_id
			WHERE m.user_id = ? ORDER BY r.active_at DESC, r.id DESC LIMIT ?`),
		args: []any{l.reader.User.ID, items + 1}, columns: "isssssiiiiiiiisiiib", rows: items + 1,
	}}
}

// withPlaceholders replaces each question mark by the placeholder of the database.
func (d benchDatabase) withPlaceholders(statement string) string {
	if d.driver != "pgx" {
		return statement
	}
	parts := strings.Split(statement, "?")
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}
