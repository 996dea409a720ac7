package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// The directions in which a page of history continues.
const (
	older = "older"
	newer = "newer"
)

// History returns a page of a room's messages, oldest first.
func (s *Store) History(
	ctx context.Context, callerID int64, path models.RoomPath, q models.HistoryQuery,
) (models.Page[models.Message], error) {
	h := history{db: s.read(ctx), dialect: s.dialect, callerID: callerID, query: q}
	err := h.open(ctx, s, path)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	direction, from := older, int64(0)
	after, goesOn, err := h.list().after(q.Cursor)
	switch {
	case err != nil:
		return models.Page[models.Message]{}, err
	case goesOn:
		direction, from = after.key, after.id
	case q.Around != nil:
		return h.around(max(*q.Around, 1))
	case q.After != nil:
		direction, from = newer, *q.After
	case q.Before != nil:
		from = max(*q.Before, 1) // older than all messages is the same as older than the first
	case !q.Since.IsZero():
		direction = newer
	}
	return h.page(direction, from)
}

// history reads pages of one room for one reader.
type history struct {
	db       *gorm.DB
	dialect  database.Dialect
	callerID int64
	room     roomRow // its id, subject and clearedID
	query    models.HistoryQuery
}

// open finds the room. A member's room is mostly cached; for other callers, the room says who may read it.
func (h *history) open(ctx context.Context, s *Store, path models.RoomPath) error {
	if path.Key == "" {
		m, known, err := s.member(ctx, memberKey(path.ID, h.callerID))
		h.room = roomRow{ID: path.ID, Subject: m.Subject, ClearedID: m.ClearedID}
		if known || err != nil {
			return err
		}
	}
	a, err := authorizeReader(h.db, path, h.callerID)
	h.room = a.Room
	return err
}

func (h history) list() list { return list{listHistory, h.room.ID} }

// page continues from a message, which is not included, in a direction; 0 starts at the beginning of that direction.
func (h history) page(direction string, from int64) (models.Page[models.Message], error) {
	limit := h.query.Limit
	p, err := h.part(direction, from, limit+1)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	if len(p.messages) > limit {
		p.messages, p.cut = p.messages[:limit], true
	}
	if err := h.fill(&p); err != nil {
		return models.Page[models.Message]{}, err
	}
	page := models.Page[models.Message]{Items: p.messages}
	if p.cut {
		page.NextCursor = cursor{list: h.list(), id: p.messages[len(p.messages)-1].ID, key: direction}.String()
	}
	if direction == older {
		slices.Reverse(p.messages)
	}
	return page, nil
}

// part is a run of messages, whether any of them may have files or reactions, and whether more follow it.
type part struct {
	messages         []models.Message
	files, reactions bool
	cut              bool
}

// fill adds files and reactions to the messages, and cuts the part to what fits into a page.
func (h history) fill(p *part) error {
	if p.files {
		if err := addFiles(h.db, p.messages); err != nil {
			return err
		}
	}
	if p.reactions {
		if err := addReactions(h.db, h.callerID, p.messages); err != nil {
			return err
		}
	}
	if n := countFitting(p.messages); n < len(p.messages) {
		p.messages, p.cut = p.messages[:n], true
	}
	return nil
}

func (h history) part(direction string, from int64, limit int) (part, error) {
	p := part{messages: []models.Message{}}
	after, before, err := h.bounds(direction, from)
	if err != nil || before-after < 2 {
		return p, err
	}
	query, args := newerPart, []any{h.room.ID, limit, after, before}
	switch {
	case direction == older && before == noMessage:
		query, args = newestPart, []any{h.room.ID, limit, after}
	case direction == older:
		query, args = olderPart, []any{h.room.ID, limit, before, after}
	}
	r := messageRow{RoomID: h.room.ID}
	p.messages = make([]models.Message, 0, limit)
	var room pageBudget
	err = h.dialect.ReadPage(h.db, func() bool {
		p.cut = !room.fits(r.Text)
		if !p.cut {
			p.messages = append(p.messages, r.model(h.room))
		}
		return !p.cut
	}, []any{
		&r.ID, &r.SenderID, &r.Username, &r.DisplayName,
		&r.Type, &r.Text, &r.ReplyTo, &r.ClientID, &r.CreatedAt, &r.EditedAt, &r.DeletedAt, &p.files, &p.reactions,
	}, query.on(h.db), args...)
	return p, err
}

// noMessage is an id that no message will have.
const noMessage = math.MaxInt64 / 2

// The statements of parts, with the room's id, the most messages that are wanted, and the bounds. Ids are consecutive,
// so the bounds tell which may be among them, and one look at the files and the reactions of those serves the whole
// part: most parts have none.
var (
	newestPart = newPartQuery(">= (SELECT last_message_id FROM rooms WHERE id = $1) - CAST($2 AS BIGINT)",
		"m.id > $3 ORDER BY m.id DESC")
	olderPart = newPartQuery("BETWEEN CAST($3 AS BIGINT) - CAST($2 AS BIGINT) AND CAST($3 AS BIGINT)",
		"m.id < $3 AND m.id > $4 ORDER BY m.id DESC")
	newerPart = newPartQuery("BETWEEN CAST($3 AS BIGINT) AND CAST($3 AS BIGINT) + CAST($2 AS BIGINT)",
		"m.id > $3 AND m.id < $4 ORDER BY m.id")
)

// partQuery is the statement of a part for each database.
type partQuery struct{ sqlite, postgres string }

func newPartQuery(among, bounds string) partQuery {
	// The order of an index, which the planner keeps outside of EXISTS, tells it that there is nothing to scan.
	anyOf := func(table string) string {
		return "(SELECT 1 FROM " + table + " x WHERE x.room_id = $1 AND x.message_id " + among +
			" ORDER BY x.message_id LIMIT 1) IS NOT NULL"
	}
	query := `SELECT m.id, m.sender_id, COALESCE(u.username, ` + deletedUsername + `), COALESCE(u.display_name, ` +
		deletedDisplayName + `),
		m.type, ` + visibleText + `, m.reply_to, m.client_id, m.created_at, m.edited_at, ` + visibleDeletedAt + `,
		` + anyOf("files") + `, ` + anyOf("reaction_counts") + `
		FROM messages m LEFT JOIN users u ON u.id = m.sender_id WHERE m.room_id = $1 AND ` + bounds
	return partQuery{sqlite: query + " LIMIT $2 + 0", postgres: planOnce(query, models.MaxPageSize+1)}
}

// planOnce hides the values of a query's parameters, which are integers, from PostgreSQL's planner, so that a
// connection makes one plan for all: otherwise it makes one for each page, which takes longer than to read the page.
// most is a LIMIT that the planner sees, so that it knows that there are few rows; $2 is the true one, of rows in that
// order.
func planOnce(query string, most int) string {
	hidden := numberedParameter.ReplaceAllString(query, "(SELECT CAST($0 AS BIGINT))")
	return fmt.Sprintf("SELECT * FROM (%s LIMIT %d) AS part LIMIT (SELECT CAST($2 AS BIGINT))", hidden, most)
}

var numberedParameter = regexp.MustCompile(`\$\d`)

func (q partQuery) on(db *gorm.DB) string {
	if db.Name() == database.SQLiteName {
		return q.sqlite
	}
	return q.postgres
}

// bounds returns the ids that a page lies between. There is one bound on each side: of two, SQLite would look up the
// first and read on from there until the other one held.
//
// Times never decrease with the ids of a room (newMessage), so a bound by time is a bound by id.
func (h history) bounds(direction string, from int64) (after, before int64, err error) {
	after, before = h.room.ClearedID, noMessage
	switch {
	case from != 0 && direction == older:
		before = min(before, from)
	case from != 0:
		after = max(after, from)
	}
	if !h.query.Since.IsZero() {
		first := before
		err = database.Scan(h.db, &first,
			"SELECT id FROM messages WHERE room_id = ? AND created_at >= ? ORDER BY created_at, id LIMIT 1",
			h.room.ID, h.query.Since.Millis())
		after = max(after, first-1)
	}
	if !h.query.Until.IsZero() && err == nil {
		last := after
		err = database.Scan(h.db, &last,
			"SELECT id FROM messages WHERE room_id = ? AND created_at < ? ORDER BY created_at DESC, id DESC "+
				"LIMIT 1",
			h.room.ID, h.query.Until.Millis())
		before = min(before, last+1)
	}
	return after, before, err
}

// around returns a page with a message in its middle: it, half a page before it, and the rest after. What does not fit
// is left out at the ends.
func (h history) around(id int64) (models.Page[models.Message], error) {
	before, err := h.part(older, id, h.query.Limit/2)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	after, err := h.part(newer, id-1, h.query.Limit-len(before.messages))
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	whole := part{
		messages: outward(after.messages, before.messages),
		files:    before.files || after.files, reactions: before.reactions || after.reactions,
	}
	if err := h.fill(&whole); err != nil {
		return models.Page[models.Message]{}, err
	}
	slices.SortFunc(whole.messages, func(a, b models.Message) int { return cmp.Compare(a.ID, b.ID) })
	return models.Page[models.Message]{Items: whole.messages}, nil
}

// outward merges two runs, an item of each in turn for as long as there are any.
func outward(a, b []models.Message) []models.Message {
	both := make([]models.Message, 0, len(a)+len(b))
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			both = append(both, a[i])
		}
		if i < len(b) {
			both = append(both, b[i])
		}
	}
	return both
}
