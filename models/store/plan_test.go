package store

import (
	"context"
	dbsql "database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/postgres"
	"github.com/parley-chat/parley/models/store/internal/sqlite"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// The size of the database whose query plans are checked: large enough that the planner prefers an index to a table
// scan.
const (
	planRooms    = 50 // with messages
	planMessages = 10000
	planOwn      = 4 // rooms whose member the caller is
	planDirect   = 2 // direct rooms of the caller
)

// allowedScans are scans of intermediate results of a statement, not of tables.
var allowedScans = []string{"SCAN hits", "SCAN b", "SCAN bump", "SCAN listed"}

// TestReadsUseIndexes checks the query plans of both databases for searches, histories and lists of rooms.
func TestReadsUseIndexes(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		s := openFilled(t, migrated.SQLite(t))
		eachStatement(t, s, func(t *testing.T, sql string, args []any) {
			var id, parent, unused int
			var step string
			for _, step := range queryPlan(t, s, "EXPLAIN QUERY PLAN "+sql, args, &step, &id, &parent, &unused, &step) {
				if strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "INDEX") && !slices.Contains(allowedScans, step) &&
					!strings.HasSuffix(step, "CONSTANT ROWS") {
					t.Errorf("%s\nscans a whole table: %s", sql, step)
				}
				ofSender := strings.HasPrefix(step, "SEARCH oldest ") || strings.HasPrefix(step, "SEARCH newest ")
				if ofSender && !strings.Contains(step, "messages_by_sender ((sender_id,room_id,id)") {
					t.Errorf("%s\nsearches for a sender's messages among those of others: %s", sql, step)
				}
			}
		})
	})
	t.Run("postgres", func(t *testing.T) {
		s := openFilled(t, migrated.Postgres(t))
		eachStatement(t, s, func(t *testing.T, sql string, args []any) {
			var step string
			plan := strings.Join(queryPlan(t, s, "EXPLAIN "+sql, args, &step, &step), "\n")
			if strings.Contains(plan, "_pkey on messages oldest") || strings.Contains(plan, "_pkey on messages newest") {
				t.Errorf("%s\nsearches for a sender's messages among those of others:\n%s", sql, plan)
			}
			for _, table := range []string{"messages", "users", "rooms", "events", "reactions", "reaction_counts", "files"} {
				if strings.Contains(plan, "Seq Scan on "+table) {
					t.Errorf("%s\nscans all %s:\n%s", sql, table, plan)
				}
			}
		})
	})
}

// queryPlan runs an EXPLAIN statement and returns the value of step for each row.
func queryPlan(t *testing.T, s *Store, sql string, args []any, step *string, dest ...any) (steps []string) {
	t.Helper()
	rows := database.QueryContext(context.Background(), s.reader, sql, args...)
	err := rows.Each(func() { steps = append(steps, *step) }, dest...)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s\n%s", sql, strings.Join(steps, "\n"))
	return steps
}

// recordingPool calls record with each query before it runs the query.
type recordingPool struct {
	gorm.ConnPool
	record func(sql string, args []any)
}

func (o recordingPool) QueryContext(ctx context.Context, text string, args ...any) (*dbsql.Rows, error) {
	o.record(text, args)
	return o.ConnPool.QueryContext(ctx, text, args...)
}

// eachStatement calls explain with each statement of the reads.
func eachStatement(t *testing.T, s *Store, explain func(t *testing.T, sql string, args []any)) {
	type statement struct {
		sql  string
		args []any
	}
	var recorded []statement
	s.stop() // on PostgreSQL the janitor would use the same pool
	s.done.Wait()
	pool := s.reader.Statement.ConnPool
	defer func() { s.reader.Statement.ConnPool = pool }()
	s.reader.Statement.ConnPool = recordingPool{pool, func(sql string, args []any) {
		recorded = append(recorded, statement{sql, slices.Clone(args)})
	}}
	history := func(q models.HistoryQuery) func() error {
		q.Paging = models.Paging{Limit: 10}
		return func() error {
			_, err := s.History(context.Background(), 1, models.RoomPath{ID: 7}, q)
			return err
		}
	}
	ctx, paging := context.Background(), models.Paging{Limit: 10}
	in := database.Span{RoomID: 7, UpToID: planMessages}
	for name, search := range map[string]func() error{
		"list of rooms, unread rest": roomList(s, models.RoomsQuery{
			Unread: true, Paging: models.Paging{Limit: 10, Cursor: cursor{list: list{listRooms, 1}, at: 1, id: 3}.String()},
		}),
		"members": func() error {
			_, err := s.Members(ctx, 1, models.RoomPath{ID: 3}, nil, paging)
			return err
		},
		"contacts": func() error {
			_, err := s.Contacts(ctx, 1, paging)
			return err
		},
		"visibility": func() error {
			_, err := s.loadVisibility(ctx, []visibilityKey{{1, 5}, {2, 5}, {1, 0}})
			return err
		},
		"pins": func() error {
			_, err := s.Pins(ctx, 1, models.RoomPath{ID: 3}, paging)
			return err
		},
		"users": func() error {
			_, err := s.Users(ctx, models.UserSearch{Paging: paging, Prefix: "user12"})
			return err
		},
		"rooms by handle": func() error {
			_, err := roomSearch{db: s.read(ctx), callerID: 1, handle: "room1", name: "room1", limit: 10}.handles(cursor{})
			return err
		},
		"rooms by name": func() error {
			_, err := roomSearch{db: s.read(ctx), callerID: 1, handle: "room1", name: "room1", limit: 10}.names(cursor{})
			return err
		},
		"rooms by subject": func() error {
			_, err := roomSearch{db: s.read(ctx), callerID: 1, subject: "order 1", limit: 10}.names(cursor{})
			return err
		},
		"messages by start": func() error {
			_, err := startsIn(s.read(ctx), startStatement, in, "tea 1", "tea 2", 10)
			return err
		},
		"newest messages by start": func() error {
			newest, _ := in.Split()
			_, err := startsIn(s.read(ctx), newestStartStatement, newest, "tea 1", "tea 2", 10)
			return err
		},
		"messages found": func() error {
			_, err := readHits(s.read(ctx), []database.Hit{{RoomID: 7, ID: 1}, {RoomID: 8, ID: 1}})
			return err
		},
		"history, newest": history(models.HistoryQuery{}),
		"history, oldest": history(models.HistoryQuery{After: ptr(int64(1))}),
		"history, before": history(models.HistoryQuery{Before: ptr(int64(planMessages / 2))}),
		"history, around": history(models.HistoryQuery{Around: ptr(int64(planMessages / 2))}),
		"history, since":  history(models.HistoryQuery{Since: models.FromMillis(planMessages / 2)}),
		"history, until":  history(models.HistoryQuery{Until: models.FromMillis(planMessages / 2)}),
		"list of rooms":   roomList(s, models.RoomsQuery{Paging: paging}),
		"list of rooms, rest": roomList(s, models.RoomsQuery{Paging: models.Paging{Limit: 10,
			Cursor: cursor{list: list{listRooms, 1}, at: 1, id: 3}.String()}}),
		"the log": func() error {
			_, err := s.Entries(ctx, 0, 10)
			return err
		},
		"the log, of a user": func() error {
			_, err := s.EntriesFor(ctx, 1, 0, 10, 10)
			return err
		},
		"one room": func() error {
			_, err := s.Room(ctx, 1, models.RoomPath{ID: 3})
			return err
		},
		"own messages after a mark": func() error {
			var own int64
			return s.read(ctx).Raw(ownAfterStatement, 20, 3, 1).Scan(&own).Error
		},
		"number of the newest message": func() error {
			var sent int64
			return s.read(ctx).Raw(sentStatement, 1, 1, 3).Scan(&sent).Error
		},
		"own rooms": func() error {
			_, err := ownSpans(s.read(ctx), 1, database.Hit{CreatedAt: 1, RoomID: 7, ID: 7})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := search(); err != nil {
				t.Fatal(err)
			}
			if len(recorded) == 0 {
				t.Fatal("no statement was recorded")
			}
			for _, a := range recorded {
				explain(t, a.sql, a.args)
			}
			recorded = nil
		})
	}
	t.Run("users of direct rooms", func(t *testing.T) {
		if err := roomList(s, models.RoomsQuery{Paging: paging})(); err != nil {
			t.Fatal(err)
		}
		if len(recorded) != 2 {
			t.Errorf("a list with %d direct rooms took %d statements, want 2", planDirect, len(recorded))
		}
		recorded = nil
	})
	t.Run("messages by words", func(t *testing.T) {
		q := wordindex.NewQuery("tea four")
		if _, isSQLite := s.dialect.(sqlite.Dialect); isSQLite {
			explain(t, sqlite.WordStatement, []any{true, sqlite.MatchExpression(q, 7), sqlite.WordsRow(7, 0), sqlite.WordsRow(7,
				1000), -1})
			explain(t, sqlite.NewestWordStatement, []any{7, 0, 1000})
			return
		}
		explain(t, postgres.Words.Newest, []any{postgres.TSQuery(q, []database.Span{in}), 7, 0, 1000, 10, true})
		explain(t, postgres.Words.Indexed, []any{
			postgres.TSQuery(q, []database.Span{in}), []int64{7}, []int64{0}, []int64{1000}, 10, true, int64(database.MaxTime),
			int64(0), int64(0),
		})
	})
}

func roomList(s *Store, q models.RoomsQuery) func() error {
	return func() error {
		_, err := s.Rooms(context.Background(), 1, q)
		return err
	}
}

// openFilled opens a database with rooms, users and messages, and builds the search index.
func openFilled(t *testing.T, name string) *Store {
	t.Helper()
	ctx := context.Background()
	s, err := Open(ctx, Config{Database: name, Retention: time.Hour, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	numbers := "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	_, err = s.write(ctx, func(tx *transaction) error {
		for _, fill := range []string{
			fmt.Sprintf("INSERT INTO users (username, username_key, display_name, guest, created_at) "+
				numbers+"SELECT 'user' || i, 'user' || i, 'u', false, 0 FROM n", planMessages),
			fmt.Sprintf("INSERT INTO rooms (name, handle, handle_key, kind, subject, created_at, updated_at, active_at, "+
				"message_count, last_message_id) "+
				numbers+"SELECT 'Room' || i, 'room' || i, 'room' || i, 'public', 'order ' || i, 0, 0, 0, 1, 1 FROM n",
				planMessages/10),
			fmt.Sprintf(`INSERT INTO memberships (room_id, user_id, role, joined_at, joined_position, last_read_id, muted) `+
				numbers+"SELECT i, 1, 'member', 0, 0, 0, false FROM n", planOwn),
			fmt.Sprintf(`INSERT INTO memberships (room_id, user_id, role, joined_at, joined_position, last_read_id, muted) `+
				numbers+"SELECT i, 1 + i, 'member', 0, 0, 0, false FROM n", planMessages/10-1),
			fmt.Sprintf("INSERT INTO rooms (kind, direct_key, created_at, updated_at, active_at) "+
				numbers+"SELECT 'direct', '1:' || 1 + i, 0, 0, 0 FROM n", planDirect),
			"INSERT INTO memberships (room_id, user_id, role, joined_at, joined_position, last_read_id, muted) " +
				"SELECT id, 1, 'member', 0, 0, 0, false FROM rooms WHERE kind = 'direct'",
			"INSERT INTO memberships (room_id, user_id, role, joined_at, joined_position, last_read_id, muted) " +
				"SELECT id, 2, 'member', 0, 0, 0, false FROM rooms WHERE kind = 'direct'",
			fmt.Sprintf("INSERT INTO messages (room_id, id, sender_id, type, text, created_at) "+
				numbers+"SELECT 1 + i %% %d, i, 1, 'text', 'Tea ' || i || ' at four', i FROM n", planMessages, planRooms),
			fmt.Sprintf("INSERT INTO events (position, name, everyone, room_id, user_id, peer_id, session_id, message_id, "+
				"data, created_at) "+
				numbers+"SELECT i, 'message.created', false, 1 + i %% %d, 1, 0, '', i, '', i FROM n", planMessages, planRooms),
			// Later events get positions after these.
			fmt.Sprintf("UPDATE event_head SET position = %d", planMessages),
			// One event names a user, and messages have files and reactions, so that all statements run.
			`UPDATE events SET name = 'member.joined', message_id = 0, data =
				'{"user":{"id":1,"username":"u","display_name":"u"}}' WHERE position = 4`,
			fmt.Sprintf("INSERT INTO reactions (room_id, message_id, emoji, user_id, created_at) "+
				numbers+"SELECT 1 + i %% %d, i, 'x', 1, i FROM n", planMessages, planRooms),
			`INSERT INTO reaction_counts (room_id, message_id, emoji, count, since)
				SELECT room_id, message_id, emoji, 1, created_at FROM reactions`,
			fmt.Sprintf("INSERT INTO files (id, room_id, user_id, message_id, blob, name, media_type, size, sha256, width, "+
				"height, created_at) "+
				numbers+"SELECT 'f' || i, 1 + i %% %d, 1, i, '', '', '', 0, '', 0, 0, i FROM n", planMessages, planRooms),
		} {
			if err := tx.Exec(fill).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range []func(context.Context) (bool, error){s.indexRooms, s.reindexMessages} {
		for more := true; more; {
			if more, err = batch(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.writer.Exec("ANALYZE").Error; err != nil {
		t.Fatal(err)
	}
	return s
}
