package store

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// pageOf makes a page of limit+1 rows: the last row only says that there is another page.
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

// pageBudget is what is left, in bytes, of a page that is read row by row, so that a request for long messages cannot
// make the server hold more. The first row always fits.
type pageBudget struct{ taken int }

// rowSize is a lower bound of the bytes that a message takes besides its text.
const rowSize = 128

// fits reports whether a message with a text fits into the page, and takes its bytes if so.
func (p *pageBudget) fits(text string) bool {
	first := p.taken == 0
	p.taken += rowSize + len(text)
	return first || p.taken <= models.MaxPageBytes
}

// countFitting returns how many of the messages, with all that they have, fit into one page as JSON: at least one.
func countFitting(messages []models.Message) int {
	const escaped = 6 // bytes of JSON for one byte of a text, at the most
	const around = 1 << 10
	most := 0
	for _, m := range messages {
		most += around + escaped*len(m.Text) + (around+escaped*models.MaxFileNameLength*utf8.UTFMax)*len(m.Files) +
			128*len(m.Reactions)
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

// scanPage reads rows for as long as their texts fit into a page; cut says that there were more.
func scanPage[R any](db *gorm.DB, text func(*R) string, statement string, args ...any) (list []R, cut bool, err error) {
	var room pageBudget
	err = database.While(db, func(row R) bool {
		if cut = !room.fits(text(&row)); !cut {
			list = append(list, row)
		}
		return !cut
	}, statement, args...)
	return list, cut, err
}

// list is what the pages of one cursor belong to: a kind, and the room or the user whose list it is; 0 for a list of
// all.
type list struct {
	kind  listKind
	owner int64
}

// listKind is a byte of the cursors that clients hold: the meaning of a kind never changes.
type listKind byte

const (
	listRooms listKind = iota + 1
	listFoundRooms
	listUsers
	listMembers
	listContacts
	listBlocks
	listBans
	listInvites
	listSessions
	listPins
	listHistory
	listFoundInRoom
	listFoundAnywhere
)

// cursor is where a page ended: the position of its last item in the order of its list, in as many of the fields as
// that order has. The position of an item never changes while a list is read, so nothing is skipped or repeated: it is
// something that never changes, such as an id, or what it was when the list began (search_names.go).
type cursor struct {
	list  list
	begun int64 // when the list began: a position of the log, or a number of renames
	at    int64 // a time, or a part of the list
	room  int64
	id    int64
	key   string
}

// cursorVersion is the first byte of all cursors. Cursors of another version are invalid.
const cursorVersion = 1

// String returns the cursor as clients get it, opaque to them. Its last bytes are a checksum, so that one that was cut
// off or mistyped is not taken for another.
func (c cursor) String() string {
	raw := []byte{cursorVersion, byte(c.list.kind)}
	for _, n := range []int64{c.list.owner, c.begun, c.at, c.room, c.id} {
		raw = binary.AppendVarint(raw, n)
	}
	raw = append(raw, c.key...)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw)))
}

// after parses a cursor of the list; anything else is invalid_request. Without a cursor, ok is false and the list
// begins.
func (l list) after(given string) (c cursor, ok bool, err error) {
	if given == "" {
		return cursor{list: l}, false, nil
	}
	if c, ok = parseCursor(given); !ok || c.list != l {
		return cursor{list: l}, false, models.Invalid("cursor", "is not a cursor of this list")
	}
	return c, true, nil
}

func parseCursor(given string) (c cursor, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(given)
	if err != nil || len(raw) < 2+crc32.Size || raw[0] != cursorVersion {
		return c, false
	}
	raw, sum := raw[:len(raw)-crc32.Size], binary.BigEndian.Uint32(raw[len(raw)-crc32.Size:])
	if crc32.ChecksumIEEE(raw) != sum {
		return c, false
	}
	c.list.kind, raw = listKind(raw[1]), raw[2:]
	for _, n := range []*int64{&c.list.owner, &c.begun, &c.at, &c.room, &c.id} {
		value, size := binary.Varint(raw)
		if size <= 0 || value < 0 || value > database.MaxTime {
			return c, false
		}
		*n, raw = value, raw[size:]
	}
	c.key = string(raw)
	return c, utf8.ValidString(c.key) && !strings.ContainsRune(c.key, 0)
}
