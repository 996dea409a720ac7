package models

import (
	"strconv"
	"strings"
)

// UserPath is a user as a path names one: by id, or by the key of a username (NameKey).
type UserPath struct {
	ID  int64
	Key string
}

// ParseUserPath reads "17", "@anna" or "me". ok is false for what cannot name a user.
func ParseUserPath(s string, me int64) (p UserPath, ok bool) {
	if s == "me" {
		return UserPath{ID: me}, true
	}
	if name, isName := strings.CutPrefix(s, "@"); isName {
		p.Key, ok = NameKey(name, MaxUsernameLength)
		return p, ok
	}
	p.ID, ok = ParseID(s)
	return p, ok
}

// RoomPath is a room as a path names one: by id, or by the key of a handle (NameKey).
type RoomPath struct {
	ID  int64
	Key string
}

// ParseRoomPath reads "17" or "#general". ok is false for what cannot name a room.
func ParseRoomPath(s string) (p RoomPath, ok bool) {
	if handle, isHandle := strings.CutPrefix(s, "#"); isHandle {
		p.Key, ok = NameKey(handle, MaxHandleLength)
		return p, ok
	}
	p.ID, ok = ParseID(s)
	return p, ok
}

// ParseID reads a decimal id, 1 or more, written as Parley writes it.
func ParseID(s string) (int64, bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0 && s[0] != '+' && s[0] != '0'
}
