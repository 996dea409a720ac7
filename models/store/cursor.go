package store

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
)

// A list is what the pages of one cursor belong to: its kind, and whose it is: a room's, a user's, or 0 for one of all.
type list struct {
	kind  listKind
	owner int64
}

// listKind is a byte of the cursors that clients hold: what a kind stands for never changes.
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

// cursor is where a page ended: the place of its last item in the order of its list, in as many of the fields as that
// order has. The place of an item never changes while a list is read, so nothing is skipped or repeated: it is something
// that the item keeps for ever, like an id, or what it was when the list began (as_of.go).
type cursor struct {
	list  list
	begun int64 // when the list began: a position of the log, or a number of renames
	at    int64 // a time, or a part of the list
	room  int64
	id    int64
	key   string
}

// cursorVersion is the first byte of all cursors. Those of another version are none.
const cursorVersion = 1

// String is the cursor as clients get it, opaque to them. Its last bytes are a checksum: one that was cut off or mistyped
// is not taken for another.
func (c cursor) String() string {
	raw := []byte{cursorVersion, byte(c.list.kind)}
	for _, n := range []int64{c.list.owner, c.begun, c.at, c.room, c.id} {
		raw = binary.AppendVarint(raw, n)
	}
	raw = append(raw, c.key...)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw)))
}

// after reads a cursor of the list; anything else is invalid_request. Without one, ok is false and the list begins.
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
		if size <= 0 || value < 0 || value > latest {
			return c, false
		}
		*n, raw = value, raw[size:]
	}
	c.key = string(raw)
	return c, utf8.ValidString(c.key) && !strings.ContainsRune(c.key, 0)
}
