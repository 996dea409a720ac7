package codec

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/parley-chat/parley/models"
)

// Encode returns v in JSON. It does not escape <, > and &, since no response is read as HTML. A json.RawMessage is
// returned as it is.
func Encode(v any) ([]byte, error) {
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

// itemSize is the approximate size of an item of a page, in bytes.
const itemSize = 400

// encodePage encodes a page whose items need no reflection. It ends with a newline, as all responses do.
func encodePage[T interface{ AppendJSON(b []byte) []byte }](p models.Page[T]) []byte {
	b := models.AppendPage(make([]byte, 0, itemSize*(1+len(p.Items))), p)
	return append(b, '\n')
}

// EncodeAs returns v in JSON or in MessagePack.
func EncodeAs(mediaType string, v any) ([]byte, error) {
	body, err := Encode(v)
	if err == nil && mediaType == MessagePack {
		body, err = toMsgpack(body)
	}
	return body, err
}

// noStore and noSniff are the values of headers that all responses have. They are shared: Header.Set and Header.Add put
// a new list in their place.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

// Write writes a response and ends the request. Caches must not store it: it is for one caller at one time.
func Write(w http.ResponseWriter, status int, mediaType string, body []byte) {
	h := w.Header()
	h["Cache-Control"] = noStore
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	if body != nil {
		h.Set("Content-Type", mediaType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has disconnected
}
