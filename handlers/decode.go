package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
)

// What is told of a body is bounded: a megabyte of unknown fields is no reason to send another one back.
const (
	maxFieldErrors = 20
	maxFieldName   = 64 // characters of a name that is not known
)

// usualBody is what most bodies fit into. What a client says of a larger one is believed as its bytes come.
const usualBody = 8 << 10

type validator interface{ Validate() error }

// decode reads a body that must be there.
func decode[T validator](w http.ResponseWriter, r *http.Request) (T, error) {
	body, err := readBody(w, r)
	if err != nil {
		var none T
		return none, err
	}
	return parseFor[T](r, body)
}

// decodeOptional reads a body that may be left out, which says the same as one without fields.
func decodeOptional[T validator](w http.ResponseWriter, r *http.Request) (T, error) {
	body, err := readBody(w, r)
	if err != nil || len(body) == 0 {
		var none T
		return none, err
	}
	return parseFor[T](r, body)
}

// readBody reads the whole body as JSON, which MessagePack is turned into; it is empty when there is none.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	mediaType, err := bodyType(r)
	if err != nil || mediaType != jsonType && mediaType != msgpackType {
		return nil, models.Errorf(models.CodeUnsupportedMediaType,
			"This route takes a body with the Content-Type %s or %s.", jsonType, msgpackType)
	}
	// A body that trickles in must not hold a connection for ever. net/http ends the deadline with the body.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(traceOf(r).limits.Body))
	body, err := readBounded(r, http.MaxBytesReader(w, r.Body, models.MaxBodyBytes))
	var known *models.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return nil, known
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge()
	case err != nil:
		return nil, &models.Error{Code: models.CodeMalformedBody, Message: "The body could not be read to its end.", Err: err}
	case mediaType == msgpackType && len(body) > 0:
		body, err = fromMsgpack(body)
		if errors.Is(err, errTooLong) {
			return nil, bodyTooLarge()
		}
		if err != nil {
			return nil, models.Errorf(models.CodeMalformedBody, "The body is not one valid value in MessagePack: %v.", err)
		}
	}
	return body, countBytes(w, r, unescaped(body))
}

func bodyTooLarge() error {
	return models.Errorf(models.CodeTooLarge, "The body is larger than %d bytes.", models.MaxBodyBytes)
}

// readBounded reads a body to its end. One that is larger than smallBody waits for nobody: it takes its part of what all
// such bodies may take together, until the request ends, or is refused.
func readBounded(r *http.Request, body io.Reader) ([]byte, error) {
	buffer := bytes.NewBuffer(make([]byte, 0, bytes.MinRead+min(max(0, r.ContentLength), usualBody)))
	n, err := buffer.ReadFrom(io.LimitReader(body, smallBody))
	if err != nil || n < smallBody {
		return buffer.Bytes(), err
	}
	if err := largeBodies.take(r, models.MaxBodyBytes*decodedSize); err != nil {
		return nil, err
	}
	_, err = buffer.ReadFrom(body)
	return buffer.Bytes(), err
}

// unescaped is about how many bytes a body in JSON holds: an escape of six bytes, or a pair of them, counts as what it
// stands for. A backslash that stands for itself makes it look smaller, but never than a third.
func unescaped(body []byte) int {
	return max(len(body)/3, len(body)-4*bytes.Count(body, []byte(`\u`)))
}

func bodyType(r *http.Request) (string, error) {
	header := r.Header.Get("Content-Type")
	if header == jsonType { // as most have it
		return jsonType, nil
	}
	mediaType, _, err := mime.ParseMediaType(header)
	return mediaType, err
}

// parseFor is parse, and for PATCH a merge patch (RFC 7396): there null clears a field.
func parseFor[T validator](r *http.Request, body []byte) (T, error) {
	return parseBody[T](body, r.Method == http.MethodPatch)
}

// parse turns a body into a T: exactly one JSON object in UTF-8, with fields that T knows, by their exact names. A field
// that is null counts as left out: many generated clients write it. encoding/json alone is more lenient.
func parse[T validator](body []byte) (T, error) { return parseBody[T](body, false) }

func parseBody[T validator](body []byte, patch bool) (T, error) {
	var value T
	switch {
	case len(body) == 0:
		return value, models.Errorf(models.CodeMalformedBody, "This route needs a body: an object with its fields.")
	case !utf8.Valid(body):
		return value, models.Errorf(models.CodeMalformedBody, "The body is not valid UTF-8.")
	}
	fields, unknown, ok := split(body, fieldsOf(reflect.TypeFor[T]()))
	if !ok {
		return value, models.Errorf(models.CodeMalformedBody, "The body is not one valid object.")
	}
	if !patch {
		maps.DeleteFunc(fields, func(_ string, raw json.RawMessage) bool { return isNull(raw) })
	}
	wrong := append(missing(value, fields), fill(reflect.ValueOf(&value).Elem(), fields)...)
	if wrong = append(wrong, unknown...); len(wrong) > 0 {
		return value, &models.Error{
			Code: models.CodeInvalidRequest, Message: "The request is not valid; errors says where.",
			Fields: wrong[:min(len(wrong), maxFieldErrors)],
		}
	}
	return value, value.Validate()
}

// split takes an object apart into the values of the fields that are known, of which the last of one name counts, and what
// is wrong with the others. It keeps no more of those than are told of: a megabyte holds a hundred thousand.
func split(body []byte, known []namedField) (fields map[string]json.RawMessage, unknown []models.FieldError, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return nil, nil, false
	}
	fields = make(map[string]json.RawMessage, len(known))
	strange := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, isName := token.(string)
		var value json.RawMessage
		if err != nil || !isName || d.Decode(&value) != nil {
			return nil, nil, false
		}
		switch {
		case slices.ContainsFunc(known, func(f namedField) bool { return f.name == name }):
			fields[name] = value
		case len(strange) < maxFieldErrors:
			strange[cut(name, maxFieldName)] = true
		}
	}
	if _, err := d.Token(); err != nil { // the object's end
		return nil, nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, false
	}
	for _, name := range slices.Sorted(maps.Keys(strange)) {
		unknown = append(unknown, models.FieldError{Field: name, Message: "is not known here"})
	}
	return fields, unknown, true
}

// missing says which fields are not there that a body needs though their zero value is allowed.
func missing(value any, fields map[string]json.RawMessage) (wrong []models.FieldError) {
	if needy, ok := value.(interface{ Required() []string }); ok {
		for _, name := range needy.Required() {
			if fields[name] == nil {
				wrong = append(wrong, models.FieldError{Field: name, Message: "is required"})
			}
		}
	}
	return wrong
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// fill sets the struct's fields, and says what is wrong with those that do not fit. Null clears: it is the zero value.
func fill(value reflect.Value, fields map[string]json.RawMessage) (wrong []models.FieldError) {
	for _, f := range fieldsOf(value.Type()) {
		name := f.name
		raw, given := fields[name]
		if !given {
			continue
		}
		field := value.FieldByIndex(f.Index)
		switch {
		case isNull(raw) && f.Type.Kind() == reflect.Pointer:
			field.Set(reflect.New(f.Type.Elem()))
		case isNull(raw):
			field.SetZero()
		case json.Unmarshal(raw, field.Addr().Interface()) != nil:
			wrong = append(wrong, models.FieldError{Field: name, Message: "must be " + describe(f.Type)})
		case isWord(f.Type) && field.Len() == 0:
			wrong = append(wrong, models.FieldError{Field: name, Message: "must not be empty; leave it out instead"})
		}
	}
	return wrong
}

// namedField is a field and what it is called in JSON.
type namedField struct {
	reflect.StructField
	name string
}

// bodyFields are the fields of the types of bodies, of which there are a few, in lists that nobody changes.
var bodyFields sync.Map // []namedField by reflect.Type

func fieldsOf(t reflect.Type) []namedField {
	if list, ok := bodyFields.Load(t); ok {
		return list.([]namedField)
	}
	var list []namedField
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !f.Anonymous {
			list = append(list, namedField{f, name})
		}
	}
	bodyFields.Store(t, list)
	return list
}

// isWord reports whether t is one of a few words, such as a role: an empty one would read as one that was left out.
func isWord(t reflect.Type) bool { return t.Kind() == reflect.String && t != reflect.TypeFor[string]() }

// describe is what a client writes for a value of type t.
func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return describe(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list, of which each item is " + describe(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[models.Time]() {
			return "a time as in RFC 3339"
		}
		return "an object"
	default:
		return "of another type"
	}
}

// cut is s without what comes after its first characters.
func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n == most {
			return s[:i]
		}
		n++
	}
	return s
}
