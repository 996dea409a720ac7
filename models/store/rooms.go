package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

type roomRow struct {
	ID            int64
	Handle        string
	HandleKey     *string
	Name          string
	NameKey       *string // nil: not normalized yet
	Description   string
	Kind          string
	Subject       string
	OwnerID       int64
	DirectKey     *string
	CreatedAt     int64
	UpdatedAt     int64 `gorm:"autoUpdateTime:false"` // what "changed since" asks for; gorm would write seconds
	ActiveAt      int64
	MemberCount   int64
	MessageCount  int64
	LastMessageID int64
	LastMessageAt int64
	ClearedID     int64
	LastDeletedID int64 // read by the statements of unread.go

	ActivePosition int64 // of the event of the newest message
	NamedAt        int64 // when handle, name or description last changed
}

func (roomRow) TableName() string { return "rooms" }

const roomColumns = `r.id, r.handle, r.name, r.description, r.kind, r.subject, r.owner_id, r.created_at, r.updated_at,
	r.active_at, r.named_at, r.member_count, r.message_count, r.last_message_id, r.cleared_id`

// scan returns where the values of roomColumns go.
func (r *roomRow) scan() []any {
	return []any{
		&r.ID, &r.Handle, &r.Name, &r.Description, &r.Kind, &r.Subject, &r.OwnerID, &r.CreatedAt, &r.UpdatedAt, &r.ActiveAt,
		&r.NamedAt, &r.MemberCount, &r.MessageCount, &r.LastMessageID, &r.ClearedID,
	}
}

func (r roomRow) model() models.Room {
	return models.Room{
		ID: r.ID, Handle: r.Handle, Name: r.Name, Description: r.Description, Kind: models.RoomKind(r.Kind),
		Subject: r.Subject, OwnerID: r.OwnerID,
		CreatedAt: models.FromMillis(r.CreatedAt), UpdatedAt: models.FromMillis(max(r.ActiveAt, r.NamedAt)),
		ActiveAt:    models.FromMillis(r.ActiveAt),
		MemberCount: r.MemberCount, MessageCount: r.MessageCount, LastMessageID: r.LastMessageID,
	}
}

// audience returns who sees the events of the room's creation and deletion.
func (r roomRow) audience(userID int64) models.Audience {
	return models.Audience{Everyone: r.Kind == string(models.RoomPublic), RoomID: r.ID, UserID: userID}
}

// CreateRoom creates a room with the caller as its owner and first member.
func (s *Store) CreateRoom(
	ctx context.Context, callerID int64, n models.NewRoom, call *models.IdempotentCall,
) (models.Room, models.Cursor, error) {
	var room models.Room
	at, err := s.writeIdempotent(ctx, call, func(tx *transaction) (any, error) {
		now := models.Now().Millis()
		row := roomRow{
			Name: value(n.Name), Description: value(n.Description), Subject: value(n.Subject),
			Kind: string(models.RoomPublic), OwnerID: callerID, CreatedAt: now, UpdatedAt: now, ActiveAt: now, MemberCount: 1,
		}
		if n.Kind != nil {
			row.Kind = string(*n.Kind)
		}
		setHandle(&row, value(n.Handle))
		setName(&row, row.Name)
		if err := tx.Create(&row).Error; err != nil {
			return nil, handleTaken(err, row.Handle)
		}
		if err := tx.appendEvent(models.EventRoomCreated, row.audience(callerID), row.model()); err != nil {
			return nil, err
		}
		if err := tx.addMember(row, callerID, models.RoleOwner); err != nil {
			return nil, err
		}
		a, err := authorizeReader(tx.DB, models.RoomPath{ID: row.ID}, callerID)
		room = a.model()
		return room, err
	})
	return room, at, err
}

func setHandle(row *roomRow, handle string) {
	row.Handle, row.HandleKey = handle, nil
	if key, ok := models.NameKey(handle, models.MaxHandleLength); ok {
		row.HandleKey = &key
	}
}

func setName(row *roomRow, name string) {
	key := wordindex.NormalizeCase(name)
	row.Name, row.NameKey = name, &key
}

func handleTaken(err error, handle string) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return models.Errorf(models.CodeHandleTaken, "The handle %q is taken.", handle)
	}
	return err
}

// Room returns the room that path names, as the caller sees it.
func (s *Store) Room(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, error) {
	db := s.read(ctx)
	a, err := authorizeReader(db, path, callerID)
	if err != nil {
		return models.Room{}, err
	}
	return fillRoom(db, a)
}

// ChangeRoom changes the room's name, description and handle.
func (s *Store) ChangeRoom(
	ctx context.Context, callerID int64, path models.RoomPath, r models.RoomChange, only models.Condition,
) (models.Room, models.Cursor, error) {
	var room models.Room
	at, err := s.write(ctx, func(tx *transaction) error {
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		a, err := authorizeModerator(tx.DB, path, callerID)
		if err != nil {
			return err
		}
		if a.Room.Kind == string(models.RoomDirect) {
			return models.Errorf(models.CodeForbidden, "A direct room has no name of its own.")
		}
		room = a.model()
		if err := check(only, room); err != nil {
			return err
		}
		before := a.Room
		if !apply(&a.Room, r) {
			return nil
		}
		if a.Room.Name == "" && a.Room.Handle == "" {
			return models.Invalid("name", "is required where there is no handle")
		}
		if a.Room.Handle != before.Handle || a.Room.Name != before.Name {
			if err := tx.renameRoom(a.Room.ID); err != nil {
				return err
			}
		}
		a.Room.UpdatedAt = models.Now().Millis()
		a.Room.NamedAt = a.Room.UpdatedAt
		err = tx.Model(&a.Room).Select("handle", "handle_key", "name", "name_key", "description", "updated_at", "named_at").
			Updates(&a.Room).Error
		if err != nil {
			return handleTaken(err, a.Room.Handle)
		}
		room = a.model()
		return tx.appendEvent(models.EventRoomUpdated, models.Audience{RoomID: a.Room.ID}, a.Room.model())
	})
	return room, at, err
}

// apply reports whether r changes anything.
func apply(row *roomRow, r models.RoomChange) bool {
	before := *row
	if r.Name != nil {
		row.Name = *r.Name
	}
	setName(row, row.Name)
	if r.Description != nil {
		row.Description = *r.Description
	}
	setHandle(row, row.Handle)
	if r.Handle != nil {
		setHandle(row, *r.Handle)
	}
	return row.Name != before.Name || row.Description != before.Description || row.Handle != before.Handle
}

// touch records that something changed in the room, for requests for what changed since a time.
func (tx *transaction) touch(roomID int64) error {
	return database.Exec(tx.DB, "UPDATE rooms SET updated_at = ? WHERE id = ?", models.Now().Millis(), roomID)
}

// fillRoom returns a room as the caller sees it, with its users if it is direct.
func fillRoom(db *gorm.DB, a access) (models.Room, error) {
	one := []models.Room{a.model()}
	err := addUsers(db, one)
	return one[0], err
}

// value is the string that s points to, "" for nil.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
