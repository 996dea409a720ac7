package handlers

import (
	"cmp"
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/sse"
)

type eventStreams interface {
	// Open takes over the connection. After an error nothing has been written.
	Open(w http.ResponseWriter, r *http.Request, o sse.OpenRequest) error
	// Page returns a part of the log after a cursor.
	Page(ctx context.Context, caller models.Caller, after string, limit int) (models.EventPage, error)
}

// events are the event stream and the log behind it.
type events struct {
	streams  eventStreams
	sessions auth.SessionIssuer
}

func newEvents(streams eventStreams, issuer auth.SessionIssuer) events {
	return events{streams: streams, sessions: issuer}
}

// StreamEvents opens the caller's stream, or returns a page of the log if the client prefers JSON or MessagePack.
func (h events) StreamEvents(w http.ResponseWriter, r *http.Request, params api.StreamEventsParams) {
	var err error
	switch codec.EventEncodingFor(r) {
	case codec.EventStream:
		err = h.stream(w, r, params)
	case "":
		err = models.Errorf(
			models.CodeNotAcceptable, "This route responds with %s, %s or %s.",
			codec.EventStream, codec.JSON, codec.MessagePack,
		)
	default: // the form that polling had before it was a route of its own
		deprecate(w, "/v1/events/log")
		h.ListEvents(w, r, api.ListEventsParams{After: params.After, Limit: params.Limit})
	}
	if err != nil {
		problem.Write(w, r, err)
	}
}

// ListEvents returns a page of the log.
func (h events) ListEvents(w http.ResponseWriter, r *http.Request, params api.ListEventsParams) {
	respondPage(w, r, func() (response, error) {
		limit, err := pageSize(params.Limit)
		if err != nil {
			return response{}, err
		}
		after := valueOf(params.After)
		if params.Cursor != nil { // a later page of a list that began at after
			after = *params.Cursor
			if _, ok := models.ParseCursor(after); !ok {
				return response{}, models.Invalid("cursor", "is not a cursor of this list")
			}
		}
		page, err := h.streams.Page(r.Context(), request.Caller(r), after, limit)
		reached, _ := models.ParseCursor(page.Cursor)
		return response{status: http.StatusOK, body: page, cursor: reached}, err
	})
}

// stream opens the stream. After an error nothing has been written.
func (h events) stream(w http.ResponseWriter, r *http.Request, params api.StreamEventsParams) error {
	rooms, err := roomsToEnter(params.Room)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", codec.EventStream)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Accel-Buffering", "no")
		w.WriteHeader(http.StatusOK)
		return nil
	}
	// A client that reconnects repeats its URL: the header, or the parameter that polyfills add, is newer than
	// last_event_id.
	cursor := cmp.Or(valueOf(params.LastEventIDHeader), valueOf(params.LastEventIDPolyfill), valueOf(params.LastEventID))
	o := sse.OpenRequest{Caller: request.Caller(r), Cursor: cursor, Rooms: rooms}
	if request.From(r).FromCookie { // otherwise it would expire in a session that is refreshed again and again
		renewed, err := h.sessions.EventsCookie(r)
		if err != nil {
			return err
		}
		http.SetCookie(w, renewed)
	}
	return h.streams.Open(w, r, o)
}

func roomsToEnter(ids *[]int64) ([]int64, error) {
	list := valueOf(ids)
	if len(list) > models.MaxRoomsEnteredAtOpen {
		return nil, models.Invalid("room", "may be given %d times at most", models.MaxRoomsEnteredAtOpen)
	}
	for _, id := range list {
		if id < 1 {
			return nil, models.Invalid("room", "must be a room's id, 1 or more")
		}
	}
	return list, nil
}

// CreateEventsCookie sets the cookie with which a browser opens its stream.
func (h events) CreateEventsCookie(w http.ResponseWriter, r *http.Request) {
	respond(w, r, func() (response, error) {
		cookie, err := h.sessions.EventsCookie(r)
		res := done(models.Cursor{})
		res.cookies = []*http.Cookie{cookie}
		return res, err
	})
}
