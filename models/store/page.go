package store

import (
	"errors"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// pageOf turns limit+1 rows into a page: the row too many only says that there is another page.
func pageOf[R, T any](rows []R, limit int, item func(R) T, at func(R) cursor) models.Page[T] {
	page := models.Page[T]{Items: make([]T, 0, min(len(rows), limit))}
	for i, r := range rows {
		if i == limit {
			page.NextCursor = at(rows[i-1]).String()
			break
		}
		page.Items = append(page.Items, item(r))
	}
	return page
}

// pageRoom is what is left, in bytes, of a page that is read row by row: nobody may have the server hold more by asking
// for long messages. The first row always has room.
type pageRoom struct{ taken int }

// rowSize is less than what a message takes beside its text.
const rowSize = 128

// takes reports whether there is room for a message with a text of so many bytes, and takes it.
func (p *pageRoom) takes(text string) bool {
	first := p.taken == 0
	p.taken += rowSize + len(text)
	return first || p.taken <= models.MaxPageBytes
}

// fitting is how many of the messages fit into one page as JSON, with all that they have: one at least.
func fitting(messages []models.Message) int {
	const escaped = 6 // bytes of JSON for one of a text, at the most
	const around = 1 << 10
	most := 0
	for _, m := range messages {
		most += around + escaped*len(m.Text) + (around+escaped*models.MaxFileNameLength*utf8.UTFMax)*len(m.Files) + 128*len(m.Reactions)
	}
	if most <= models.MaxPageBytes {
		return len(messages)
	}
	size, buffer := 0, []byte(nil)
	for i, m := range messages {
		buffer = m.AppendJSON(buffer[:0])
		if size += len(buffer) + 1; size > models.MaxPageBytes && i > 0 {
			return i
		}
	}
	return len(messages)
}

// scanPage reads rows for as long as a page has room for their texts; cut says that there were more.
func scanPage[R any](query *gorm.DB, text func(*R) string) (list []R, cut bool, err error) {
	rows, err := query.Rows()
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var room pageRoom
	for rows.Next() {
		var row R
		if err := query.ScanRows(rows, &row); err != nil {
			return nil, false, err
		}
		if !room.takes(text(&row)) {
			return list, true, nil
		}
		list = append(list, row)
	}
	return list, false, judged(query, rows.Err())
}
