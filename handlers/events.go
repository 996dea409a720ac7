package handlers

import (
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/token"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/sse"
)

// events are the stream and the log behind it.
type events struct {
	streams Streams
	entry   entry
}

// StreamEvents opens the caller's stream, or answers a page of the log to a client that would rather have one.
func (h events) StreamEvents(w http.ResponseWriter, r *http.Request, params api.StreamEventsParams) {
	switch preferred(r, streamType, jsonType, msgpackType) {
	case streamType:
		h.stream(w, r, params)
	case "":
		fail(w, r, models.Errorf(models.CodeNotAcceptable, "This route answers %s, %s and %s.", streamType, jsonType, msgpackType))
	default:
		h.page(w, r, params)
	}
}

func (h events) page(w http.ResponseWriter, r *http.Request, params api.StreamEventsParams) {
	answer(w, r, func() (reply, error) {
		limit, err := pageSize(params.Limit)
		if err != nil {
			return reply{}, err
		}
		items, reached, err := h.streams.Page(r.Context(), callerOf(r), given(params.After), limit)
		return reply{status: http.StatusOK, body: models.Page[models.Event]{Items: items}, cursor: reached}, err
	})
}

func (h events) stream(w http.ResponseWriter, r *http.Request, params api.StreamEventsParams) {
	entered, err := roomsToEnter(params.Room)
	if err != nil {
		fail(w, r, err)
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", streamType)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Accel-Buffering", "no")
		w.WriteHeader(http.StatusOK)
		return
	}
	o := sse.Opening{Caller: callerOf(r), Cursor: given(params.LastEventIDHeader), Rooms: entered}
	if o.Cursor == "" {
		o.Cursor = given(params.LastEventID)
	}
	if err := h.streams.Open(w, r, o); err != nil {
		fail(w, r, err)
	}
}

func roomsToEnter(ids *[]int64) ([]int64, error) {
	list := given(ids)
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

// CreateEventsCookie gives a browser the cookie that opens its stream.
func (h events) CreateEventsCookie(w http.ResponseWriter, r *http.Request) {
	answer(w, r, func() (reply, error) {
		signed, err := h.entry.tokens.Issue(callerOf(r), token.Events, time.Now())
		re := done(models.Cursor{})
		re.cookies = []*http.Cookie{h.entry.cookie(r, eventsCookie, eventsCookiePath, signed)}
		return re, err
	})
}
