package handlers

import (
	"cmp"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth/token"
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
	answerPage(w, r, func() (reply, error) {
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
	// What comes back repeats its URL: the header, or the parameter that polyfills add, is newer than last_event_id.
	cursor := cmp.Or(given(params.LastEventIDHeader), given(params.LastEventIDPolyfill), given(params.LastEventID))
	o := sse.Opening{Caller: callerOf(r), Cursor: cursor, Rooms: entered}
	if traceOf(r).cookie { // lest it run out while the session is refreshed on and on
		renewed, err := h.cookie(r)
		if err != nil {
			fail(w, r, err)
			return
		}
		http.SetCookie(w, renewed)
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
		cookie, err := h.cookie(r)
		re := done(models.Cursor{})
		re.cookies = []*http.Cookie{cookie}
		return re, err
	})
}

// cookie opens the stream of the caller's session for models.RefreshTokenLife, and each opening renews it. It ends with
// the session, which every opening looks up.
func (h events) cookie(r *http.Request) (*http.Cookie, error) {
	signed, err := h.entry.tokens.Issue(callerOf(r), token.Events, time.Now())
	return h.entry.cookie(r, eventsCookie, eventsCookiePath, signed), err
}
