package store

import (
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// Most lists are in an order that never changes for an item. Two are not: rooms are listed by their newest activity, and
// users and rooms are found in the order of their names. All pages of such a list are in the order of the moment when it
// began, so that what moves between two pages is neither skipped nor repeated:
//
//   - The activity of a room as of a position of the log: the event of each message says at which position the one before
//     it in the room stands, and when the room was active before it. From the newest on, the first one after the position
//     is soon found; of most rooms, the newest is not after it.
//   - The names as of a number of renames: each change of names keeps what the user or the room was found by before it,
//     under a number in the order of the commits. There are few.
//
// What happened so long ago that its events are no longer kept counts as having been so when the list began. So does what
// lies further back than a list reaches: nobody may have the server walk through a week for one page.
const (
	activityReach = 100_000 // positions of the log
	renamesReach  = 10_000  // renames
)

// activeAsOf is the SQL for when a room r was active as of a position, which is SQL too.
func activeAsOf(position string) string {
	return `CASE WHEN r.active_position <= ` + position + ` THEN r.active_at ELSE COALESCE((
		WITH RECURSIVE bump (position, prior_position, prior_active_at) AS (
			SELECT e.position, e.prior_position, e.prior_active_at FROM events e WHERE e.position = r.active_position
			UNION ALL SELECT e.position, e.prior_position, e.prior_active_at FROM bump b JOIN events e ON e.position = b.prior_position
			WHERE b.prior_position > ` + position + `)
		SELECT bump.prior_active_at FROM bump ORDER BY bump.position LIMIT 1), r.active_at) END`
}

// rename is what a user or a room was found by until now.
type rename struct {
	userID, roomID int64
	handleKey      *string // a user's username_key
	nameKey        string
}

// renameUser notes that a user is about to have another username.
func (c *change) renameUser(u userRow) {
	c.renames = append(c.renames, rename{userID: u.ID, handleKey: &u.UsernameKey})
}

// renameRoom notes that a room is about to have another handle or name.
func (c *change) renameRoom(roomID int64) error {
	var was struct{ HandleKey, NameKey *string }
	err := c.Raw("SELECT handle_key, name_key FROM rooms WHERE id = ?", roomID).Scan(&was).Error
	c.renames = append(c.renames, rename{roomID: roomID, handleKey: was.HandleKey, nameKey: value(was.NameKey)})
	return err
}

// keepRenames numbers the renames from after a number on.
func (c *change) keepRenames(after int64) error {
	for i, r := range c.renames {
		err := c.Exec("INSERT INTO renames (seq, user_id, room_id, handle_key, name_key, renamed_at) VALUES (?, ?, ?, ?, ?, ?)",
			after+int64(i)+1, r.userID, r.roomID, r.handleKey, r.nameKey, models.Now().Millis()).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// countRenames is the number of the newest rename.
func countRenames(db *gorm.DB) (n int64, err error) {
	err = db.Raw("SELECT renames FROM event_head WHERE id = 1").Scan(&n).Error
	return n, err
}

// renamedSince is the SQL for what users (of "user_id") or rooms (of "room_id") were found by as of a number of renames,
// as far as that has changed since: with the columns id, handle_key and name_key. Its argument is that number.
func renamedSince(column string) string {
	return `(SELECT n.` + column + ` AS id, n.handle_key, n.name_key FROM renames n WHERE n.seq IN
		(SELECT min(x.seq) FROM renames x WHERE x.seq > ? AND x.` + column + ` <> 0 GROUP BY x.` + column + `))`
}
