package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

type reactionStore interface {
	React(ctx context.Context, callerID int64, path models.RoomPath, id int64, emoji string) (models.Message, models.Cursor, error)
	Unreact(ctx context.Context, callerID int64, path models.RoomPath, id int64, emoji string) (models.Cursor, error)
}

// reactions are the emoji on messages.
type reactions struct{ store reactionStore }

// AddReaction adds the caller's reaction.
func (h reactions) AddReaction(w http.ResponseWriter, r *http.Request, room api.PathRoom, message api.PathMessage, emoji api.PathEmoji) {
	answer(w, r, func() (reply, error) {
		path, emoji, err := reactedAt(room, emoji)
		if err != nil {
			return reply{}, err
		}
		m, at, err := h.store.React(r.Context(), callerOf(r).UserID, path, message, emoji)
		return changed(m, at), err
	})
}

// RemoveReaction takes the caller's reaction back.
func (h reactions) RemoveReaction(w http.ResponseWriter, r *http.Request, room api.PathRoom, message api.PathMessage, emoji api.PathEmoji) {
	answer(w, r, func() (reply, error) {
		path, emoji, err := reactedAt(room, emoji)
		if err != nil {
			return reply{}, err
		}
		at, err := h.store.Unreact(r.Context(), callerOf(r).UserID, path, message, emoji)
		return done(at), err
	})
}

// reactedAt is the room of a path that ends in an emoji, and that emoji as it is stored; a path that ends in anything else
// names nothing.
func reactedAt(room, given string) (path models.RoomPath, emoji string, err error) {
	emoji, ok := models.ParseEmoji(given)
	if !ok {
		return path, "", models.NotFound()
	}
	path, err = roomAt(room)
	return path, emoji, err
}
