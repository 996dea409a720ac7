package store

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
)

// pageOf turns limit+1 rows into a page: the row too many only says that there is another page.
func pageOf[R, T any](rows []R, limit int, item func(R) T, cursor func(R) string) models.Page[T] {
	page := models.Page[T]{Items: make([]T, 0, min(len(rows), limit))}
	for i, r := range rows {
		if i == limit {
			page.NextCursor = cursor(rows[i-1])
			break
		}
		page.Items = append(page.Items, item(r))
	}
	return page
}

// cursorOf names a row by the columns that its list is ordered by. Clients take it for an opaque string.
func cursorOf(position int64, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(position, 10) + ":" + id))
}

func intCursorOf(position, id int64) string { return cursorOf(position, strconv.FormatInt(id, 10)) }

// timeCursor reads what cursorOf wrote; anything else is invalid_request.
func timeCursor(cursor string) (position int64, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		first, rest, found := strings.Cut(string(raw), ":")
		if position, err = strconv.ParseInt(first, 10, 64); err == nil && found && utf8.ValidString(rest) && !strings.ContainsRune(rest, 0) {
			return position, rest, nil
		}
	}
	return 0, "", models.Invalid("cursor", "is not a cursor of this list")
}

func intCursor(cursor string) (position, id int64, err error) {
	position, rest, err := timeCursor(cursor)
	if err != nil {
		return 0, 0, err
	}
	if id, err = strconv.ParseInt(rest, 10, 64); err != nil {
		return 0, 0, models.Invalid("cursor", "is not a cursor of this list")
	}
	return position, id, nil
}
