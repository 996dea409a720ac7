package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/parley-chat/parley/models"
)

// reply is the answer to a request that went well.
type reply struct {
	status   int
	body     any           // nil for none
	event    models.Cursor // Event-Id: the event that tells of the change; zero when none does
	cursor   models.Cursor // Event-Cursor: the place in the log that the body is at least as new as
	location string
	replayed bool
	cookies  []*http.Cookie
	encoded  func() // called when the body is, or never will be; nil for nobody who wants to know
}

func plain(body any) reply { return reply{status: http.StatusOK, body: body} }

func changed(body any, at models.Cursor) reply {
	return reply{status: http.StatusOK, body: body, event: at}
}

func done(at models.Cursor) reply { return reply{status: http.StatusNoContent, event: at} }

// snapshot is the reply to a GET that a client builds its screen from. The log's head is read before the data: what
// changes in between then comes again on a stream opened from there. The other way round it would be lost.
func snapshot[T any](r *http.Request, log logHead, load func() (T, error)) (reply, error) {
	head, err := log.Head(r.Context())
	if err != nil {
		return reply{}, err
	}
	body, err := load()
	return reply{status: http.StatusOK, body: body, cursor: head}, err
}

// created is the reply for what a store call made, or for what the first call under the same Idempotency-Key made:
// then err is *models.Replayed.
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

// answer runs a handler and writes its reply, or its error as a problem. A client that takes neither JSON nor MessagePack
// is told so before anything is done for it.
func answer(w http.ResponseWriter, r *http.Request, handle func() (reply, error)) {
	mediaType := encodingFor(r)
	if mediaType == "" {
		fail(w, r, models.Errorf(models.CodeNotAcceptable, "This route answers %s and %s.", jsonType, msgpackType))
		return
	}
	re, err := handle()
	if err != nil {
		fail(w, r, err)
		return
	}
	re.write(w, r, mediaType)
}

// pageTurns are those of pages that are read and encoded. Until the answer is there nothing else bounds what it takes: of a
// thousand that are asked for at once, a few are in memory.
var pageTurns = models.NewTurns(16, 4)

// answerPage is answer for a page of a list, when it is the caller's turn.
func answerPage(w http.ResponseWriter, r *http.Request, handle func() (reply, error)) {
	answer(w, r, func() (re reply, err error) {
		done, err := pageTurns.Take(r.Context(), callerOf(r).UserID)
		if err != nil {
			return reply{}, err
		}
		defer func() {
			if re.encoded == nil { // it failed, or panicked
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
		if body, err = encodeAs(mediaType, re.body); err != nil {
			fail(w, r, err)
			return
		}
	}
	give, err := unread.take(r, len(body))
	if err != nil {
		fail(w, r, err)
		return
	}
	defer give()
	encoded()
	re.setHeaders(w)
	write(w, re.status, mediaType, body)
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

// encode is v in JSON as answers carry it: <, > and & as they are, since no answer is read as HTML. What is JSON already
// is such an answer.
func encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case json.RawMessage:
		return v, nil
	case models.Page[models.Message]:
		return encodePage(v), nil
	case models.Page[models.Room]:
		return encodePage(v), nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// itemSize is about what an item of a long page takes.
const itemSize = 400

// encodePage is a page whose items need no reflection. It ends with a newline, as all answers do.
func encodePage[T interface{ AppendJSON(b []byte) []byte }](p models.Page[T]) []byte {
	b := models.AppendPage(make([]byte, 0, itemSize*(1+len(p.Items))), p)
	return append(b, '\n')
}

// encodeAs is v in JSON or in MessagePack.
func encodeAs(mediaType string, v any) ([]byte, error) {
	body, err := encode(v)
	if err == nil && mediaType == msgpackType {
		body, err = toMsgpack(body)
	}
	return body, err
}

// write ends the request. Answers are for one caller at one time, so no cache may keep them.
func write(w http.ResponseWriter, status int, mediaType string, body []byte) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	if body != nil {
		h.Set("Content-Type", mediaType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON or MessagePack, never HTML. An error means that the client is gone: there is nobody to tell
}
