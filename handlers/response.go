package handlers

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// response is what is sent to a request that succeeded.
type response struct {
	status   int
	body     any           // nil for none
	event    models.Cursor // Event-Id: the event of the change; zero for none
	cursor   models.Cursor // Event-Cursor: a position in the log; the body is at least as new
	location string
	tag      string // ETag, if the body has no Tag of its own
	replayed bool
	cookies  []*http.Cookie
	encoded  func() // called when the body is encoded, or will not be; may be nil
}

// plain is the response of a read.
func plain(body any) response { return response{status: http.StatusOK, body: body} }

// changed is the response of a change with a body.
func changed(body any, at models.Cursor) response {
	return response{status: http.StatusOK, body: body, event: at}
}

// done is the response of a change without a body.
func done(at models.Cursor) response { return response{status: http.StatusNoContent, event: at} }

// snapshot is the response to a GET that a client builds its screen from. The head of the log is read before the data,
// so that a change in between is repeated on a stream that is opened from there. In the other order it would be lost.
func snapshot[T any](r *http.Request, log logHead, load func() (T, error)) (response, error) {
	head, err := log.Head(r.Context())
	if err != nil {
		return response{}, err
	}
	body, err := load()
	return response{status: http.StatusOK, body: body, cursor: head}, err
}

// created is the response for what a call of the store created. If err is *models.Replayed, it is the response of the
// first request with the same Idempotency-Key.
func created[T any](made T, at models.Cursor, err error, location func(T) string) (response, error) {
	res := response{status: http.StatusCreated, event: at}
	var replayed *models.Replayed
	if errors.As(err, &replayed) {
		res.replayed, res.event = true, replayed.Event
		err = json.Unmarshal(replayed.Body, &made)
	}
	if err != nil {
		return response{}, err
	}
	res.body, res.location = made, location(made)
	return res, nil
}

// respond runs a handler and writes its response, or its error as a problem. A client that accepts neither JSON nor
// MessagePack is refused first.
func respond(w http.ResponseWriter, r *http.Request, handle func() (response, error)) {
	mediaType := codec.EncodingFor(r)
	if mediaType == "" {
		problem.Write(
			w, r, models.Errorf(models.CodeNotAcceptable, "This route responds with %s or %s.", codec.JSON, codec.MessagePack),
		)
		return
	}
	res, err := handle()
	if err != nil {
		problem.Write(w, r, err)
		return
	}
	res.write(w, r, mediaType)
}

// pageLimit limits how many pages are loaded and encoded at once, since nothing else bounds their memory before they
// are written. Of a thousand concurrent requests a few are in memory.
var pageLimit = models.NewConcurrencyLimit(16, 4)

// respondPage is respond for a page of a list. It waits until pageLimit allows one more page. Searches for messages
// use respond: the store limits them more strictly, and while they wait there they must not hold up other pages.
func respondPage(w http.ResponseWriter, r *http.Request, handle func() (response, error)) {
	respond(w, r, func() (res response, err error) {
		done, err := pageLimit.Acquire(r.Context(), request.Caller(r).UserID)
		if err != nil {
			return response{}, err
		}
		defer func() {
			if res.encoded == nil { // the handler failed or panicked
				done()
			}
		}()
		if res, err = handle(); err != nil {
			return response{}, err
		}
		res.encoded = done
		return res, nil
	})
}

// write ends the request with the response.
func (res response) write(w http.ResponseWriter, r *http.Request, mediaType string) {
	encoded := res.encoded
	if encoded == nil {
		encoded = func() {}
	}
	defer encoded()
	var body []byte
	if res.body != nil {
		var err error
		if body, err = codec.EncodeAs(mediaType, res.body); err != nil {
			problem.Write(w, r, err)
			return
		}
	}
	release, err := limit.TakeResponse(r, len(body))
	if err != nil {
		problem.Write(w, r, err)
		return
	}
	defer release()
	encoded()
	res.setHeaders(w)
	codec.Write(w, res.status, mediaType, body)
}

func (res response) setHeaders(w http.ResponseWriter) {
	h := w.Header()
	if !res.event.IsZero() {
		h.Set("Event-Id", res.event.String())
	}
	if !res.cursor.IsZero() {
		h.Set("Event-Cursor", res.cursor.String())
	}
	if res.location != "" {
		h.Set("Location", res.location)
	}
	if res.replayed {
		h.Set("Idempotency-Replayed", "true")
	}
	if tagged, has := res.body.(interface{ Tag() string }); has {
		h.Set("ETag", tagged.Tag())
	} else if res.tag != "" {
		h.Set("ETag", res.tag)
	}
	for _, c := range res.cookies {
		http.SetCookie(w, c)
	}
}
