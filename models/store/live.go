package store

// An account or a room that was deleted keeps its row, with a time in deleted_at, until all that it had is purged
// (purge.go). Statements that look for one read these instead of the tables, and so find none that is gone.
//
// The names of an account that was deleted are replaced in its row: what only wants to know how somebody is called, like
// the sender of a tombstone, may read the table.
var (
	liveUsers = "(SELECT " + columnsOf("users", userRow{}) + " FROM users WHERE deleted_at = 0)"
	liveRooms = "(SELECT " + columnsOf("rooms", roomRow{}) + " FROM rooms WHERE deleted_at = 0)"
)

// fromLiveSender is the condition on messages that their sender has not deleted their account. They are tombstones to come,
// and read as such already (messageColumns); what looks for messages passes them over.
const fromLiveSender = " AND sender_id NOT IN (SELECT user_id FROM departures)"
