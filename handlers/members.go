package handlers

import (
	"context"
	"net/http"
	"slices"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type memberStore interface {
	logHead
	roomReader
	blockReader
	Members(
		ctx context.Context, callerID int64, path models.RoomPath, among []int64, page models.Paging,
	) (models.Page[models.Member], error)
	Join(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, models.Cursor, error)
	Leave(ctx context.Context, callerID int64, path models.RoomPath) (models.Cursor, error)
	PutMember(
		ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath, c models.RoleChange,
	) (models.Member, models.Cursor, error)
	RemoveMember(ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath) (models.Cursor, error)
	Mute(
		ctx context.Context, callerID int64, path models.RoomPath, m models.MembershipChange,
	) (models.Membership, models.Cursor, error)
}

type presentReader interface {
	// Present returns the users who are present in a room now.
	Present(roomID int64) []int64
}

// members are the members of a room.
type members struct {
	store    memberStore
	profiles profiles
	streams  presentReader
}

func newMembers(store memberStore, p profiles, streams presentReader) members {
	return members{store: store, profiles: p, streams: streams}
}

// ListMembers lists a room's members, or only those who are present in it.
func (h members) ListMembers(w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.ListMembersParams) {
	respondPage(w, r, func() (response, error) {
		page, err := paging(params.Limit, params.Cursor)
		if err != nil {
			return response{}, err
		}
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		return snapshot(r, h.store, func() (models.Page[models.Member], error) {
			return h.list(r, path, valueOf(params.Present), page)
		})
	})
}

func (h members) list(
	r *http.Request, path models.RoomPath, onlyPresent bool, page models.Paging,
) (models.Page[models.Member], error) {
	me := request.Caller(r).UserID
	room, err := h.store.Room(r.Context(), me, path)
	if err != nil {
		return models.Page[models.Member]{}, err
	}
	present, err := h.present(r, room.ID)
	if err != nil {
		return models.Page[models.Member]{}, err
	}
	var among []int64 // nil for all
	if onlyPresent {
		among = append([]int64{}, present...)
	}
	list, err := h.store.Members(r.Context(), me, models.RoomPath{ID: room.ID}, among, page)
	if err != nil {
		return list, err
	}
	shown := make([]*models.Member, len(list.Items))
	for i := range list.Items {
		shown[i] = &list.Items[i]
	}
	return list, h.complete(r, present, shown...)
}

// present returns the users who are present in a room, without those who have a block with the caller.
func (h members) present(r *http.Request, roomID int64) ([]int64, error) {
	list := h.streams.Present(roomID)
	if len(list) == 0 {
		return nil, nil
	}
	blocked, err := h.store.BlockedEitherWay(r.Context(), request.Caller(r).UserID, list)
	return slices.DeleteFunc(list, func(id int64) bool { return blocked[id] }), err
}

// complete fills in which members are online, and which are among the present users.
func (h members) complete(r *http.Request, present []int64, list ...*models.Member) error {
	users := make([]*models.User, len(list))
	for i, m := range list {
		users[i], m.Present = &m.User, slices.Contains(present, m.User.ID)
	}
	return h.profiles.complete(r.Context(), request.Caller(r).UserID, users...)
}

// JoinRoom makes the caller a member of a public room.
func (h members) JoinRoom(w http.ResponseWriter, r *http.Request, room api.PathRoom) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		joined, at, err := h.store.Join(r.Context(), request.Caller(r).UserID, path)
		return changed(joined, at), err
	})
}

// LeaveRoom ends the caller's membership.
func (h members) LeaveRoom(w http.ResponseWriter, r *http.Request, room api.PathRoom) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		at, err := h.store.Leave(r.Context(), request.Caller(r).UserID, path)
		return done(at), err
	})
}

// UpdateMembership mutes or unmutes a room for the caller.
func (h members) UpdateMembership(w http.ResponseWriter, r *http.Request, room api.PathRoom) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		change, err := codec.Decode[models.MembershipChange](w, r)
		if err != nil {
			return response{}, err
		}
		membership, at, err := h.store.Mute(r.Context(), request.Caller(r).UserID, path, change)
		return changed(membership, at), err
	})
}

// PutMember adds a member or sets a role.
func (h members) PutMember(w http.ResponseWriter, r *http.Request, room api.PathRoom, user api.PathUser) {
	respond(w, r, func() (response, error) {
		me := request.Caller(r).UserID
		roomPath, userPath, err := parseRoomAndUser(room, user, me)
		if err != nil {
			return response{}, err
		}
		change, err := codec.DecodeOptional[models.RoleChange](w, r)
		if err != nil {
			return response{}, err
		}
		found, err := h.store.Room(r.Context(), me, roomPath)
		if err != nil {
			return response{}, err
		}
		member, at, err := h.store.PutMember(r.Context(), me, models.RoomPath{ID: found.ID}, userPath, change)
		if err != nil {
			return response{}, err
		}
		present, err := h.present(r, found.ID)
		if err == nil {
			err = h.complete(r, present, &member)
		}
		return changed(member, at), err
	})
}

// RemoveMember removes a member from a room.
func (h members) RemoveMember(w http.ResponseWriter, r *http.Request, room api.PathRoom, user api.PathUser) {
	respond(w, r, func() (response, error) {
		me := request.Caller(r).UserID
		roomPath, userPath, err := parseRoomAndUser(room, user, me)
		if err != nil {
			return response{}, err
		}
		at, err := h.store.RemoveMember(r.Context(), me, roomPath, userPath)
		return done(at), err
	})
}
