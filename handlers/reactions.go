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
		path, err := reactedAt(room, emoji)
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
		path, err := reactedAt(room, emoji)
		if err != nil {
			return reply{}, err
		}
		at, err := h.store.Unreact(r.Context(), callerOf(r).UserID, path, message, emoji)
		return done(at), err
	})
}

// reactedAt is the room of a path that ends in an emoji; one that ends in anything else names nothing.
func reactedAt(room, emoji string) (models.RoomPath, error) {
	if !models.IsEmoji(emoji) {
		return models.RoomPath{}, models.NotFound()
	}
	return roomAt(room)
}
