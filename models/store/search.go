package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// SearchMessages finds messages of a room by their start or by their words, newest first.
func (s *Store) SearchMessages(
	ctx context.Context, callerID int64, path models.RoomPath, q models.MessageSearch,
) (page models.Page[models.Message], err error) {
	err = s.search(ctx, callerID, func(ctx context.Context) error {
		page, err = s.searchRoom(ctx, callerID, path, q)
		return err
	})
	return page, err
}

func (s *Store) searchRoom(
	ctx context.Context, callerID int64, path models.RoomPath, q models.MessageSearch,
) (models.Page[models.Message], error) {
	db := s.read(ctx)
	a, err := authorizeReader(db, path, callerID)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	of := list{listFoundInRoom, a.Room.ID}
	after, goesOn, err := of.after(q.Cursor)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	in := database.Span{
		RoomID: a.Room.ID, Subject: a.Room.Subject, ClearedID: a.Room.ClearedID, UpToID: a.Room.LastMessageID,
		NewestAt: math.MaxInt64, ActivePosition: math.MaxInt64,
	}
	if goesOn {
		in.UpToID = min(in.UpToID, after.id-1)
	}
	var f found
	if q.Prefix != nil {
		f, err = findStart(db, in, *q.Prefix, q.Limit+1)
	} else {
		f, err = s.findWords(db, []database.Span{in}, *q.Words, q.Limit+1)
	}
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	return messagePage(db, callerID, f, q.Limit, map[int64]database.Span{in.RoomID: in},
		func(h database.Hit) cursor { return cursor{list: of, id: h.ID} })
}

// found is a run of messages, and whether it fills a page. end is where the page ends when there are more: a hit whose
// message may be deleted before it is read.
type found struct {
	rows []messageRow
	cut  bool
	end  *database.Hit
}

func scanFound(db *gorm.DB, statement string, args ...any) (f found, err error) {
	f.rows, f.cut, err = scanPage(db, func(r *messageRow) string { return r.Text }, statement, args...)
	return f, err
}

// SearchAll finds messages by their words in all rooms that the caller is a member of, newest first.
func (s *Store) SearchAll(
	ctx context.Context, callerID int64, q models.WordSearch,
) (page models.Page[models.Message], err error) {
	err = s.search(ctx, callerID, func(ctx context.Context) error {
		page, err = s.searchOwnRooms(ctx, callerID, q)
		return err
	})
	return page, err
}

func (s *Store) searchOwnRooms(
	ctx context.Context, callerID int64, q models.WordSearch,
) (models.Page[models.Message], error) {
	db := s.read(ctx)
	of := list{listFoundAnywhere, callerID}
	after, goesOn, err := of.after(q.Cursor)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	before := database.Hit{CreatedAt: database.MaxTime}
	if goesOn {
		before = database.Hit{CreatedAt: after.at, RoomID: after.room, ID: after.id}
	}
	spans, err := ownSpans(db, callerID, before)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	f, err := s.findWords(db, spans, q.Words, q.Limit+1)
	byRoom := make(map[int64]database.Span, len(spans))
	for _, in := range spans {
		byRoom[in.RoomID] = in
	}
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	return messagePage(db, callerID, f, q.Limit, byRoom, func(h database.Hit) cursor {
		return cursor{list: of, at: h.CreatedAt, room: h.RoomID, id: h.ID}
	})
}

func messagePage(
	db *gorm.DB, callerID int64, f found, limit int, rooms map[int64]database.Span, at func(database.Hit) cursor,
) (models.Page[models.Message], error) {
	page := pageOf(f.rows, limit, func(r messageRow) models.Message {
		return r.model(roomRow{ID: r.RoomID, Subject: rooms[r.RoomID].Subject})
	}, func(r messageRow) cursor { return at(r.hit()) })
	if f.end != nil {
		page.NextCursor = at(*f.end).String()
	}
	if err := fillMessages(db, callerID, page.Items); err != nil {
		return page, err
	}
	if n := countFitting(page.Items); f.cut || n < len(page.Items) {
		page.Items = page.Items[:n]
		page.NextCursor = at(f.rows[n-1].hit()).String()
	}
	return page, nil
}

// hit returns the position of a message in the order of all that are found.
func (r messageRow) hit() database.Hit {
	return database.Hit{CreatedAt: r.CreatedAt, RoomID: r.RoomID, ID: r.ID}
}

func findStart(db *gorm.DB, in database.Span, prefix string, limit int) (found, error) {
	from, to := wordindex.PrefixRange(wordindex.NormalizeStart(prefix))
	newest, rest := in.Split()
	f, err := startsIn(db, newestStartStatement, newest, from, to, limit)
	if err != nil || f.cut || len(f.rows) == limit || rest.Empty() {
		return f, err
	}
	older, err := startsIn(db, startStatement, rest, from, to, limit-len(f.rows))
	return found{rows: append(f.rows, older.rows...), cut: older.cut}, err
}

func startsIn(db *gorm.DB, statement string, in database.Span, from, to string, limit int) (found, error) {
	return scanFound(db, messageQuery+" AND m.id IN (?) ORDER BY m.id DESC", in.RoomID,
		gorm.Expr(statement, in.RoomID, from, to, in.ClearedID, in.UpToID, limit))
}

const (
	// newestStartStatement reads the messages themselves: no index serves an expression, neither for the starts nor for
	// deleted_at.
	newestStartStatement = `SELECT id FROM messages WHERE room_id = ? AND text_start || '' >= ? AND text_start || '' < ?
	AND id > ? AND id <= ? AND +deleted_at = 0` + database.FromLiveSender + ` ORDER BY id DESC LIMIT ?`
	// startStatement reads the index of the starts and sorts what it finds: "+" keeps both databases from reading the room
	// from its newest message on instead, until enough of them match.
	startStatement = `SELECT id FROM messages WHERE room_id = ? AND text_start >= ? AND text_start < ?
	AND +id > ? AND +id <= ? AND deleted_at = 0` + database.FromLiveSender + ` ORDER BY +id DESC LIMIT ?`
)

// ownSpans returns the caller's rooms as far as they are older than a message, the newest first.
func ownSpans(db *gorm.DB, callerID int64, before database.Hit) ([]database.Span, error) {
	// In the order of pages, messages of the same time are in the order of their rooms: rooms after the message's own have
	// none of that time left.
	var spans []database.Span
	err := database.Scan(db, &spans, `SELECT r.id AS room_id, r.subject, r.cleared_id, r.last_message_at AS newest_at,
		r.active_position,
		CASE WHEN r.id = @room THEN CAST(@id AS BIGINT) - 1 WHEN r.last_message_at < @at THEN r.last_message_id
		ELSE COALESCE((SELECT x.id FROM messages x WHERE x.room_id = r.id
			AND x.created_at < CAST(@at AS BIGINT) + CASE WHEN r.id < @room THEN 1 ELSE 0 END
			ORDER BY x.created_at DESC, x.id DESC LIMIT 1), 0) END AS up_to_id
		FROM memberships m JOIN `+liveRooms+` r ON r.id = m.room_id
		WHERE m.user_id = @caller AND r.message_count > 0 ORDER BY r.last_message_at DESC, r.id DESC`,
		map[string]any{"caller": callerID, "at": before.CreatedAt, "room": before.RoomID, "id": before.ID})
	return spans, err
}

// spansAtOnce is the number of rooms that one call of the database searches.
const spansAtOnce = 64

// findWords finds the newest messages that have all words of a text. Spans come with the newest first, so that it ends
// as soon as no further one can have a newer message than those that were found.
func (s *Store) findWords(db *gorm.DB, spans []database.Span, text string, limit int) (found, error) {
	q := wordindex.NewQuery(text)
	if q.Empty() {
		return found{}, nil
	}
	state, err := s.dialect.IndexState(db)
	if err != nil {
		return found{}, err
	}
	hits, err := findUnindexed(db, spans, &q, state.Position)
	if err != nil {
		return found{}, err
	}
	if state.Outdated {
		q.Exact, q.Legacy = false, wordindex.LegacyWords(text)
	}
	hits = newestHits(hits, limit)
	indexed := database.WordQuery{Query: q, InColumn: state.InColumn}
	for some := range slices.Chunk(spans, spansAtOnce) {
		if len(hits) == limit && some[0].NewestAt < hits[limit-1].CreatedAt {
			break
		}
		more, err := s.dialect.FindWords(db, some, indexed, limit)
		if err != nil {
			return found{}, err
		}
		hits = newestHits(append(hits, more...), limit)
	}
	if len(hits) < limit {
		return readHits(db, hits)
	}
	f, err := readHits(db, hits[:limit-1])
	f.end = &hits[limit-2]
	return f, err
}

// newestHits returns the newest hits, up to limit, each once.
func newestHits(hits []database.Hit, limit int) []database.Hit {
	slices.SortFunc(hits, func(a, b database.Hit) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.RoomID, a.RoomID), cmp.Compare(b.ID, a.ID))
	})
	hits = slices.Compact(hits)
	return hits[:min(len(hits), limit)]
}

// readHits reads messages in the order in which they were found.
func readHits(db *gorm.DB, hits []database.Hit) (found, error) {
	if len(hits) == 0 {
		return found{}, nil
	}
	list := strings.Repeat(", (CAST(? AS BIGINT), CAST(? AS BIGINT))", len(hits))[2:]
	var args []any
	for _, h := range hits {
		args = append(args, h.RoomID, h.ID)
	}
	return scanFound(db, "WITH hits (room_id, id) AS (VALUES "+list+") SELECT "+messageColumns+` FROM hits
		CROSS JOIN messages m LEFT JOIN users u ON u.id = m.sender_id WHERE m.room_id = hits.room_id AND m.id = hits.id
		AND m.deleted_at = 0 ORDER BY m.created_at DESC, m.room_id DESC, m.id DESC`, args...)
}

const (
	// searchesAtOnce is the number of word searches that run at a time, one for each user: fewer than there are
	// connections, so that histories and lists never wait for searches.
	searchesAtOnce = 4
	// searchTime bounds one search, from its start, after it has waited for others.
	searchTime = 5 * time.Second
)

// search runs a search when s.searches allows it. One that takes too long is cancelled: it is unavailable.
func (s *Store) search(ctx context.Context, callerID int64, run func(ctx context.Context) error) error {
	done, err := s.searches.Acquire(ctx, callerID)
	if err != nil {
		return err
	}
	defer done()
	limited, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	err = run(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return &models.Error{
			Code: models.CodeUnavailable, RetryAfter: searchTime, Err: err,
			Message: "The search took too long; look for rarer words, or in one room.",
		}
	}
	return err
}

// indexRooms normalizes the names of some rooms that are older than the search by name.
func (s *Store) indexRooms(ctx context.Context) (more bool, err error) {
	_, err = s.write(ctx, func(tx *transaction) error {
		var rooms []roomRow
		err := database.Scan(tx.DB, &rooms,
			`SELECT id, name FROM rooms WHERE kind = 'public' AND name_key IS NULL ORDER BY id LIMIT ?`+
				tx.store.dialect.ForUpdate(), batchRows)
		more = len(rooms) == batchRows
		for _, r := range rooms {
			if err == nil {
				err = database.Exec(tx.DB, "UPDATE rooms SET name_key = ? WHERE id = ?", wordindex.NormalizeCase(r.Name), r.ID)
			}
		}
		return err
	})
	return more, err
}
