package store

import (
	"context"
	"strings"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// Shared reports whether other nodes may use the same database. A SQLite database is for one.
func (s *Store) Shared() bool { return s.dialect.Shared() }

// RegisterNode makes a node known to the others. From here on they report their changes to it; what was before is in
// Presences.
func (s *Store) RegisterNode(ctx context.Context, node string) error {
	// A node that was found dead may have left presences, which must not be taken for current ones.
	for more := true; more; {
		var err error
		if more, err = s.dropPresencesOf(ctx, node); err != nil {
			return err
		}
	}
	_, err := s.write(ctx, func(tx *transaction) error {
		if err := database.Exec(tx.DB, "INSERT INTO nodes (id) VALUES (?) ON CONFLICT DO NOTHING", node); err != nil {
			return err
		}
		// A node that found no other nodes to report to is waited for, so that what it stored can be read.
		var all []string
		return database.Scan(tx.DB, &all, "SELECT id FROM nodes ORDER BY id"+s.dialect.ForUpdate())
	})
	return err
}

// Heartbeat increments a node's heartbeat, and returns the heartbeat of each running node. A node that is not among
// them was found dead: its presences are deleted, and it got no reports.
func (s *Store) Heartbeat(ctx context.Context, node string) (map[string]int64, error) {
	_, err := s.write(ctx, func(tx *transaction) error {
		return database.Exec(tx.DB, "UPDATE nodes SET beat = beat + 1 WHERE id = ?", node)
	})
	if err != nil {
		return nil, err
	}
	var rows []struct {
		ID        string
		Heartbeat int64 `gorm:"column:beat"`
	}
	err = database.Scan(s.read(ctx), &rows, "SELECT id, beat FROM nodes")
	heartbeats := make(map[string]int64, len(rows))
	for _, r := range rows {
		heartbeats[r.ID] = r.Heartbeat
	}
	return heartbeats, err
}

// PublishPresence stores who came and went at a node and reports it to the others, if there are any, together with the
// node's responses. A node that was found dead meanwhile is not_found: it has to enter again and to report everybody.
func (s *Store) PublishPresence(ctx context.Context, update models.PresenceUpdate) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		if _, err := tx.lockNode(update.Node); err != nil {
			return err
		}
		if err := tx.changePresences(update); err != nil {
			return err
		}
		return tx.appendNodeUpdate(update)
	})
	return err
}

// changePresences adds and removes rows, with one statement for each of the two.
func (tx *transaction) changePresences(update models.PresenceUpdate) error {
	var here, gone []string
	var came, went []any
	for _, p := range update.Changes {
		if p.Here {
			here, came = append(here, "(?, ?, ?)"), append(came, update.Node, p.User.ID, p.RoomID)
		} else {
			gone, went = append(gone, "(CAST(? AS BIGINT), CAST(? AS BIGINT))"), append(went, p.User.ID, p.RoomID)
		}
	}
	if len(here) > 0 {
		err := database.Exec(tx.DB, "INSERT INTO presences (node_id, user_id, room_id) VALUES "+strings.Join(here, ", ")+
			" ON CONFLICT DO NOTHING", came...)
		if err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return database.Exec(tx.DB,
		"DELETE FROM presences WHERE node_id = ? AND (user_id, room_id) IN (VALUES "+strings.Join(gone,
			", ")+")",
		append([]any{update.Node}, went...)...)
}

// RemoveNode removes a node that stops, or that was found dead: then heartbeat is its last known heartbeat, and a node
// that has come back to life is left alone. Users who were online there were last seen at.
//
// Presences of a node that does not exist count nowhere (Presences), so they need not be deleted at the same moment.
func (s *Store) RemoveNode(ctx context.Context, node string, heartbeat int64, at models.Time) error {
	var was int64
	found, err := database.Find(s.read(ctx), &was, "SELECT beat FROM nodes WHERE id = ?", node)
	if err != nil || !found || heartbeat != models.AnyHeartbeat && was != heartbeat {
		return err
	}
	if err := s.lastSeenAt(ctx, node, at); err != nil {
		return err
	}
	_, err = s.write(ctx, func(tx *transaction) error {
		found, err := tx.lockNode(node)
		if err != nil || heartbeat != models.AnyHeartbeat && found != heartbeat {
			return err
		}
		if err := database.Exec(tx.DB, "DELETE FROM nodes WHERE id = ?", node); err != nil {
			return err
		}
		tx.wakesJanitor = true
		return tx.appendNodeUpdate(models.PresenceUpdate{Node: node, Gone: at})
	})
	if isNotFound(err) {
		return nil // another node was faster
	}
	return err
}

// lastSeenAt stores when the users at a node were last seen. If the node turns out to be alive, they will be seen
// again.
func (s *Store) lastSeenAt(ctx context.Context, node string, at models.Time) error {
	for after := int64(0); ; {
		var users []int64
		err := database.Scan(s.read(ctx), &users,
			"SELECT user_id FROM presences WHERE node_id = ? AND room_id = 0 AND user_id > ? ORDER BY "+
				"user_id LIMIT ?",
			node, after, batchRows)
		if err != nil || len(users) == 0 {
			return err
		}
		after = users[len(users)-1]
		seen := make(map[int64]models.Time, len(users))
		for _, id := range users {
			seen[id] = at
		}
		if err := s.SaveLastSeen(ctx, seen); err != nil {
			return err
		}
	}
}

// dropPresences deletes a batch of the presences of nodes that no longer exist.
func (s *Store) dropPresences(ctx context.Context) (more bool, err error) {
	var node string
	found, err := database.Find(s.read(ctx), &node,
		"SELECT node_id FROM presences WHERE node_id NOT IN (SELECT id FROM nodes) LIMIT 1")
	if err != nil || !found {
		return false, err
	}
	return s.dropPresencesOf(ctx, node)
}

func (s *Store) dropPresencesOf(ctx context.Context, node string) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (bool, error) {
		return tx.deleteRows("presences", "node_id, user_id, room_id",
			"node_id = ? AND node_id NOT IN (SELECT id FROM nodes)", node)
	})
}

// RequestPresence sends a node a request about one of its streams. A node that is not running is not_found.
func (s *Store) RequestPresence(ctx context.Context, request models.PresenceRequest) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		if _, err := tx.lockNode(request.Node); err != nil {
			return err
		}
		return tx.appendEvent(models.EventPresenceRequest, models.Audience{}, request)
	})
	return err
}

// Presences returns who is present where, by node.
func (s *Store) Presences(ctx context.Context) (map[string][]models.Presence, error) {
	var rows []struct {
		NodeID, Subject, Username, DisplayName string
		RoomID, UserID                         int64
	}
	err := database.Scan(s.read(ctx), &rows,
		`SELECT p.node_id, p.room_id, COALESCE(r.subject, '') AS subject, p.user_id, u.username,
		u.display_name
		FROM presences p JOIN nodes n ON n.id = p.node_id JOIN `+liveUsers+` u ON u.id = p.user_id LEFT JOIN rooms r ON
		r.id = p.room_id`)
	present := map[string][]models.Presence{}
	for _, r := range rows {
		present[r.NodeID] = append(present[r.NodeID], models.Presence{
			RoomID: r.RoomID, Subject: r.Subject, Here: true,
			User: models.UserRef{ID: r.UserID, Username: r.Username, DisplayName: r.DisplayName},
		})
	}
	return present, err
}

// appendNodeUpdate appends an event for the other nodes, if there are any.
func (tx *transaction) appendNodeUpdate(update models.PresenceUpdate) error {
	var others int64
	if err := database.Scan(tx.DB, &others, "SELECT count(*) FROM nodes WHERE id <> ?", update.Node); err != nil ||
		others == 0 {
		return err
	}
	return tx.appendEvent(models.EventPresenceUpdate, models.Audience{}, update)
}

// lockNode locks the row of a node and returns its heartbeat; not_found without one.
func (tx *transaction) lockNode(node string) (heartbeat int64, err error) {
	found, err := database.Find(tx.DB, &heartbeat,
		"SELECT beat FROM nodes WHERE id = ?"+tx.store.dialect.ForUpdate(), node)
	if err == nil && !found {
		return 0, models.NotFound()
	}
	return heartbeat, err
}

// Acquaintances returns the users who are notified when this one comes online or goes: those who have them as a
// contact, and those who share a room with them that has no more than roomLimit members; without users where one has
// blocked the other, and without direct rooms that the user has left.
func (s *Store) Acquaintances(ctx context.Context, userID int64, roomLimit int) ([]int64, error) {
	var users []int64
	err := database.Scan(s.read(ctx), &users,
		`SELECT u.id FROM `+liveUsers+` u WHERE u.id IN (SELECT user_id FROM contacts WHERE contact_id
		= ?
		UNION SELECT o.user_id FROM memberships m JOIN `+liveRooms+` r ON r.id = m.room_id AND r.member_count <= ?
		JOIN memberships o ON o.room_id = m.room_id AND o.user_id <> m.user_id AND o.left_at = 0
		WHERE m.user_id = ?) AND NOT `+blockedBetween("u.id", "CAST(? AS BIGINT)"), userID, roomLimit, userID, userID,
		userID)
	return users, err
}
