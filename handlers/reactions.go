package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type reactionStore interface {
	React(
		ctx context.Context, callerID int64, path models.RoomPath, id int64, emoji string,
	) (models.Message, models.Cursor, error)
	Unreact(ctx context.Context, callerID int64, path models.RoomPath, id int64, emoji string) (models.Cursor, error)
}

// reactions are the emoji on messages.
type reactions struct{ store reactionStore }

func newReactions(store reactionStore) reactions { return reactions{store: store} }

// AddReaction adds the caller's reaction.
func (h reactions) AddReaction(
	w http.ResponseWriter, r *http.Request, room api.PathRoom, message api.PathMessage, emoji api.PathEmoji,
) {
	respond(w, r, func() (response, error) {
		path, emoji, err := parseReaction(room, emoji)
		if err != nil {
			return response{}, err
		}
		m, at, err := h.store.React(r.Context(), request.Caller(r).UserID, path, message, emoji)
		return changed(m, at), err
	})
}

// RemoveReaction removes the caller's reaction.
func (h reactions) RemoveReaction(
	w http.ResponseWriter, r *http.Request, room api.PathRoom, message api.PathMessage, emoji api.PathEmoji,
) {
	respond(w, r, func() (response, error) {
		path, emoji, err := parseReaction(room, emoji)
		if err != nil {
			return response{}, err
		}
		at, err := h.store.Unreact(r.Context(), request.Caller(r).UserID, path, message, emoji)
		return done(at), err
	})
}

// parseReaction parses the room and the emoji of a path. The result is not_found if the last segment is not an emoji.
func parseReaction(room, text string) (path models.RoomPath, emoji string, err error) {
	emoji, ok := models.ParseEmoji(text)
	if !ok {
		return path, "", models.NotFound()
	}
	path, err = parseRoom(room)
	return path, emoji, err
}
