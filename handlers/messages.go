package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type messageStore interface {
	logHead
	Send(
		ctx context.Context, callerID int64, path models.RoomPath, n models.NewMessage, call *models.IdempotentCall,
	) (models.SentMessage, models.Cursor, error)
	Target(ctx context.Context, callerID int64, target string) (roomID int64, err error)
	History(
		ctx context.Context, callerID int64, path models.RoomPath, q models.HistoryQuery,
	) (models.Page[models.Message], error)
	Message(ctx context.Context, callerID int64, path models.RoomPath, id int64) (models.Message, error)
	EditMessage(
		ctx context.Context, callerID int64, path models.RoomPath, id int64, e models.MessageEdit, only models.Condition,
	) (models.Message, models.Cursor, error)
	DeleteMessage(
		ctx context.Context, callerID int64, path models.RoomPath, id int64, only models.Condition,
	) (models.Cursor, error)
	ClearHistory(ctx context.Context, callerID int64, path models.RoomPath) (models.Cursor, error)
	MarkRead(
		ctx context.Context, callerID int64, path models.RoomPath, m models.ReadMark,
	) (models.Membership, models.Cursor, error)
}

// messages are the messages of rooms, and their read marks.
type messages struct {
	store messageStore
	files files
}

func newMessages(store messageStore, f files) messages { return messages{store: store, files: f} }

func messageLocation(m models.Message) string {
	return "/v1/rooms/" + strconv.FormatInt(m.RoomID, 10) + "/messages/" + strconv.FormatInt(m.ID, 10)
}

// sent is the response for a message: the JSON that was encoded when it was stored.
func sent(s models.SentMessage, at models.Cursor, err error) (response, error) {
	if err != nil { // refused, or sent before under the same key
		return created(models.Message{}, at, err, messageLocation)
	}
	return response{
		status: http.StatusCreated, body: s.JSON, event: at, location: messageLocation(s.Message), tag: s.Message.Tag(),
	}, nil
}

// SendMessage sends a message into a room.
func (h messages) SendMessage(w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.SendMessageParams) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		if request.IsForm(r) { // as before forms had a route of their own
			deprecate(w, r.URL.EscapedPath()+"/form")
			return h.sendForm(w, r, path, params.IdempotencyKey)
		}
		n, call, err := codec.DecodeIdempotent[models.NewMessage](w, r, params.IdempotencyKey)
		if err != nil {
			return response{}, err
		}
		return sent(h.store.Send(r.Context(), request.Caller(r).UserID, path, n, call))
	})
}

// SendMessageForm sends a message together with its files.
func (h messages) SendMessageForm(
	w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.SendMessageFormParams,
) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		if !request.IsForm(r) {
			return response{}, models.Errorf(models.CodeUnsupportedMediaType, "This route takes %s.", request.FormType)
		}
		return h.sendForm(w, r, path, params.IdempotencyKey)
	})
}

// sendForm sends a message together with its files. If it fails, the files are deleted.
func (h messages) sendForm(
	w http.ResponseWriter, r *http.Request, path models.RoomPath, key *string,
) (response, error) {
	roomID, replayed, end, err := h.files.begin(r, path, key)
	if err != nil {
		return response{}, err
	}
	defer end()
	form := &messageForm{files: h.files, roomID: roomID, replayed: replayed}
	res, err := h.postForm(w, r, form, key)
	if err != nil || res.replayed {
		return res, errors.Join(err, form.drop(r))
	}
	h.files.receiver.Pictures.Wake()
	return res, nil
}

// postForm reads the form and sends its message.
func (h messages) postForm(
	w http.ResponseWriter, r *http.Request, form *messageForm, key *string,
) (response, error) {
	if err := form.read(w, r); err != nil {
		return response{}, err
	}
	n, identity, err := form.message()
	if err != nil {
		return response{}, err
	}
	call, err := request.NewIdempotentCall(r, key, identity, codec.Encode)
	if err != nil {
		return response{}, err
	}
	if n.FileIDs, err = form.attach(r); err != nil {
		return response{}, err
	}
	return sent(h.store.Send(r.Context(), request.Caller(r).UserID, models.RoomPath{ID: form.roomID}, n, call))
}

// SendToTarget sends a message to a channel or a user.
func (h messages) SendToTarget(w http.ResponseWriter, r *http.Request, params api.SendToTargetParams) {
	respond(w, r, func() (response, error) {
		n, call, err := codec.DecodeIdempotent[models.TargetedMessage](w, r, params.IdempotencyKey)
		if err != nil {
			return response{}, err
		}
		me := request.Caller(r).UserID
		roomID, err := h.store.Target(r.Context(), me, n.Target)
		if err != nil {
			return response{}, err
		}
		return sent(h.store.Send(r.Context(), me, models.RoomPath{ID: roomID}, n.NewMessage, call))
	})
}

// ListMessages returns a page of a room's history.
func (h messages) ListMessages(
	w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.ListMessagesParams,
) {
	respondPage(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		q, err := historyQuery(params)
		if err != nil {
			return response{}, err
		}
		return snapshot(r, h.store, func() (models.Page[models.Message], error) {
			return h.store.History(r.Context(), request.Caller(r).UserID, path, q)
		})
	})
}

func historyQuery(params api.ListMessagesParams) (q models.HistoryQuery, err error) {
	if q.Paging, err = paging(params.Limit, params.Cursor); err != nil {
		return q, err
	}
	q.Before, q.After, q.Around = params.Before, params.After, params.Around
	if q.Since, err = instant("since", params.Since); err != nil {
		return q, err
	}
	if q.Until, err = instant("until", params.Until); err != nil {
		return q, err
	}
	return q, q.Validate()
}

// ClearHistory deletes all messages of a room.
func (h messages) ClearHistory(w http.ResponseWriter, r *http.Request, room api.PathRoom) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		at, err := h.store.ClearHistory(r.Context(), request.Caller(r).UserID, path)
		return done(at), err
	})
}

// GetMessage returns one message.
func (h messages) GetMessage(w http.ResponseWriter, r *http.Request, room api.PathRoom, message api.PathMessage) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		return snapshot(r, h.store, func() (models.Message, error) {
			return h.store.Message(r.Context(), request.Caller(r).UserID, path, message)
		})
	})
}

// EditMessage replaces the text of the caller's own message.
func (h messages) EditMessage(
	w http.ResponseWriter, r *http.Request, room api.PathRoom, message api.PathMessage, params api.EditMessageParams,
) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		edit, err := codec.Decode[models.MessageEdit](w, r)
		if err != nil {
			return response{}, err
		}
		only, err := request.IfMatch(params.IfMatch)
		if err != nil {
			return response{}, err
		}
		m, at, err := h.store.EditMessage(r.Context(), request.Caller(r).UserID, path, message, edit, only)
		return changed(m, at), err
	})
}

// DeleteMessage turns a message into a tombstone.
func (h messages) DeleteMessage(
	w http.ResponseWriter, r *http.Request, room api.PathRoom, message api.PathMessage, params api.DeleteMessageParams,
) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		only, err := request.IfMatch(params.IfMatch)
		if err != nil {
			return response{}, err
		}
		at, err := h.store.DeleteMessage(r.Context(), request.Caller(r).UserID, path, message, only)
		return done(at), err
	})
}

// MarkRead moves the caller's read mark forward.
func (h messages) MarkRead(w http.ResponseWriter, r *http.Request, room api.PathRoom) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		mark, err := codec.Decode[models.ReadMark](w, r)
		if err != nil {
			return response{}, err
		}
		membership, at, err := h.store.MarkRead(r.Context(), request.Caller(r).UserID, path, mark)
		return changed(membership, at), err
	})
}
