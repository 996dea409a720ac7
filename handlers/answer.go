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

// reply is the answer to a request that succeeded.
type reply struct {
	status   int
	body     any           // nil for none
	event    models.Cursor // Event-Id: the event of the change; zero for none
	cursor   models.Cursor // Event-Cursor: a position in the log; the body is at least as new
	location string
	replayed bool
	cookies  []*http.Cookie
	encoded  func() // called when the body is encoded, or will not be; may be nil
}

// plain is the reply of a read.
func plain(body any) reply { return reply{status: http.StatusOK, body: body} }

// changed is the reply of a change with a body.
func changed(body any, at models.Cursor) reply {
	return reply{status: http.StatusOK, body: body, event: at}
}

// done is the reply of a change without a body.
func done(at models.Cursor) reply { return reply{status: http.StatusNoContent, event: at} }

// snapshot is the reply to a GET that a client builds its screen from. The head of the log is read before the data, so
// that a change in between is repeated on a stream that is opened from there. In the other order it would be lost.
func snapshot[T any](r *http.Request, log logHead, load func() (T, error)) (reply, error) {
	head, err := log.Head(r.Context())
	if err != nil {
		return reply{}, err
	}
	body, err := load()
	return reply{status: http.StatusOK, body: body, cursor: head}, err
}

// created is the reply for what a call of the store created. If err is *models.Replayed, it is the reply of the first
// request with the same Idempotency-Key.
func created[T any](made T, at models.Cursor, err error, location func(T) string) (reply, error) {
	re := reply{status: http.StatusCreated, event: at}
	var replayed *models.Replayed
	if errors.As(err, &replayed) {
		re.replayed, re.event = true, replayed.Event
		err = json.Unmarshal(replayed.Body, &made)
	}
	if err != nil {
		return reply{}, err
	}
	re.body, re.location = made, location(made)
	return re, nil
}

// answer runs a handler and writes its reply, or its error as a problem. A client that accepts neither JSON nor
// MessagePack is refused first.
func answer(w http.ResponseWriter, r *http.Request, handle func() (reply, error)) {
	mediaType := codec.EncodingFor(r)
	if mediaType == "" {
		problem.Write(
			w, r, models.Errorf(models.CodeNotAcceptable, "This route answers %s and %s.", codec.JSON, codec.MessagePack),
		)
		return
	}
	re, err := handle()
	if err != nil {
		problem.Write(w, r, err)
		return
	}
	re.write(w, r, mediaType)
}

// pageTurns bound how many pages are loaded and encoded at once, since nothing else bounds their memory before they are
// written. Of a thousand concurrent requests a few are in memory.
var pageTurns = models.NewTurns(16, 4)

// answerPage is answer for a page of a list. It waits for the caller's turn.
func answerPage(w http.ResponseWriter, r *http.Request, handle func() (reply, error)) {
	answer(w, r, func() (re reply, err error) {
		done, err := pageTurns.Take(r.Context(), request.Caller(r).UserID)
		if err != nil {
			return reply{}, err
		}
		defer func() {
			if re.encoded == nil { // the handler failed or panicked
				done()
			}
		}()
		if re, err = handle(); err != nil {
			return reply{}, err
		}
		re.encoded = done
		return re, nil
	})
}

// write ends the request with the reply.
func (re reply) write(w http.ResponseWriter, r *http.Request, mediaType string) {
	encoded := re.encoded
	if encoded == nil {
		encoded = func() {}
	}
	defer encoded()
	var body []byte
	if re.body != nil {
		var err error
		if body, err = codec.EncodeAs(mediaType, re.body); err != nil {
			problem.Write(w, r, err)
			return
		}
	}
	release, err := limit.TakeAnswer(r, len(body))
	if err != nil {
		problem.Write(w, r, err)
		return
	}
	defer release()
	encoded()
	re.setHeaders(w)
	codec.Write(w, re.status, mediaType, body)
}

func (re reply) setHeaders(w http.ResponseWriter) {
	h := w.Header()
	if !re.event.IsZero() {
		h.Set("Event-Id", re.event.String())
	}
	if !re.cursor.IsZero() {
		h.Set("Event-Cursor", re.cursor.String())
	}
	if re.location != "" {
		h.Set("Location", re.location)
	}
	if re.replayed {
		h.Set("Idempotency-Replayed", "true")
	}
	for _, c := range re.cookies {
		http.SetCookie(w, c)
	}
}
