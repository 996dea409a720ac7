package codec

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

	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// maxUnknownName is how many characters of an unknown name an error shows.
const maxUnknownName = 64

// FieldName returns the name of an unknown field as an error repeats it.
func FieldName(name string) string { return request.Truncate(name, maxUnknownName) }

// usualBody is the size of the first buffer, in bytes; most bodies fit. The buffer grows only with the bytes that
// arrive, whatever Content-Length says.
const usualBody = 8 << 10

// Validator is a type of bodies, which checks its own values.
type Validator interface{ Validate() error }

// Decode reads a required body.
func Decode[T Validator](w http.ResponseWriter, r *http.Request) (T, error) {
	body, err := ReadBody(w, r)
	if err != nil {
		var none T
		return none, err
	}
	return parseFor[T](r, body)
}

// DecodeOptional reads a body that may be missing, which has the same meaning as a body without fields.
func DecodeOptional[T Validator](w http.ResponseWriter, r *http.Request) (T, error) {
	body, err := ReadBody(w, r)
	if err != nil || len(body) == 0 {
		var none T
		return none, err
	}
	return parseFor[T](r, body)
}

// DecodeIdempotent reads the body of a creation, and its Idempotency-Key. The created value is stored as the response.
func DecodeIdempotent[T Validator](
	w http.ResponseWriter, r *http.Request, key *string,
) (T, *models.IdempotentCall, error) {
	body, err := ReadBody(w, r)
	if err != nil {
		var none T
		return none, nil, err
	}
	value, err := Parse[T](body)
	if err != nil {
		return value, nil, err
	}
	call, err := request.NewIdempotentCall(r, key, body, Encode)
	return value, call, err
}

// ReadBody reads the whole body as JSON; MessagePack is converted. The result is empty if there is no body.
func ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	mediaType, err := bodyType(r)
	if err != nil || mediaType != JSON && mediaType != MessagePack {
		types := JSON + " or " + MessagePack
		if r.Method == http.MethodPatch {
			w.Header().Set("Accept-Patch", AcceptPatch)
			types = JSON + ", " + MergePatch + " or " + MessagePack
		}
		return nil, models.Errorf(models.CodeUnsupportedMediaType, "This route takes a body with the Content-Type %s.", types)
	}
	// A slow body must not hold a connection for ever. net/http removes the deadline at the end of the body.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(request.From(r).Limits.Body))
	body, err := readBounded(r, http.MaxBytesReader(w, r.Body, models.MaxBodyBytes))
	if err != nil {
		return nil, unreadable(err)
	}
	if mediaType == MessagePack && len(body) > 0 {
		body, err = fromMsgpack(body)
		if errors.Is(err, errTooLarge) {
			return nil, bodyTooLarge()
		}
		if err != nil {
			return nil, models.Errorf(models.CodeMalformedBody, "The body is not one valid value in MessagePack: %v.", err)
		}
	}
	return body, request.TakeBytes(w, r, unescaped(body))
}

// unreadable is the error of a body that could not be read.
func unreadable(err error) error {
	var known *models.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooLarge):
		return bodyTooLarge()
	}
	return &models.Error{Code: models.CodeMalformedBody, Message: "The body could not be read to its end.", Err: err}
}

func bodyTooLarge() error {
	return models.Errorf(models.CodeTooLarge, "The body is larger than %d bytes.", models.MaxBodyBytes)
}

// readBounded reads a body to its end. A body larger than limit.SmallBody takes its share of the budget of large bodies
// until the request ends, or is refused at once.
func readBounded(r *http.Request, body io.Reader) ([]byte, error) {
	buffer := bytes.NewBuffer(make([]byte, 0, bytes.MinRead+min(max(0, r.ContentLength), usualBody)))
	n, err := buffer.ReadFrom(io.LimitReader(body, limit.SmallBody))
	if err != nil || n < limit.SmallBody {
		return buffer.Bytes(), err
	}
	if err := limit.TakeBody(r); err != nil {
		return nil, err
	}
	_, err = buffer.ReadFrom(body)
	return buffer.Bytes(), err
}

// unescaped estimates the size of a JSON body without its escapes, each of which is six bytes long. Escaped backslashes
// make the estimate too small, but it is at least a third of the body.
func unescaped(body []byte) int {
	return max(len(body)/3, len(body)-4*bytes.Count(body, []byte(`\u`)))
}

// AcceptPatch are the media types of a PATCH (RFC 5789, section 3.1).
const AcceptPatch = MergePatch + ", " + JSON + ", " + MessagePack

// bodyType returns the media type of a body. A merge patch is JSON.
func bodyType(r *http.Request) (string, error) {
	header := r.Header.Get("Content-Type")
	if header == JSON { // the usual case
		return JSON, nil
	}
	mediaType, _, err := mime.ParseMediaType(header)
	if mediaType == MergePatch && r.Method == http.MethodPatch {
		mediaType = JSON
	}
	return mediaType, err
}

// parseFor parses the body of a request. For PATCH it is a merge patch (RFC 7396), in which null clears a field.
func parseFor[T Validator](r *http.Request, body []byte) (T, error) {
	return parseBody[T](body, r.Method == http.MethodPatch)
}

// Parse turns a body into a T. The body must be exactly one JSON object in UTF-8, with fields of T by their exact
// names; encoding/json alone is more lenient. A field that is null counts as left out: many generated clients send it.
func Parse[T Validator](body []byte) (T, error) { return parseBody[T](body, false) }

func parseBody[T Validator](body []byte, patch bool) (T, error) {
	var value T
	switch {
	case len(body) == 0:
		return value, models.Errorf(models.CodeMalformedBody, "This route needs a body: an object with its fields.")
	case !utf8.Valid(body):
		return value, models.Errorf(models.CodeMalformedBody, "The body is not valid UTF-8.")
	}
	fields, unknown, ok := splitObject(body, fieldsOf(reflect.TypeFor[T]()))
	if !ok {
		return value, models.Errorf(models.CodeMalformedBody, "The body is not one valid object.")
	}
	if !patch {
		maps.DeleteFunc(fields, func(_ string, raw json.RawMessage) bool { return isNull(raw) })
	}
	wrong := append(missing(&value, fields), setFields(reflect.ValueOf(&value).Elem(), fields)...)
	if wrong = append(wrong, unknown...); len(wrong) > 0 {
		return value, models.InvalidFields(wrong)
	}
	return value, value.Validate()
}

// splitObject splits an object into the values of the known fields, and errors for others and for names that come
// twice: which of the two counts would depend on who reads it. It keeps no more of the unknown names than are reported:
// a megabyte holds a hundred thousand.
func splitObject(
	body []byte, known []namedField,
) (fields map[string]json.RawMessage, wrong []models.FieldError, ok bool) {
	if !isObject(body) {
		return nil, nil, false
	}
	fields = make(map[string]json.RawMessage, len(known))
	unknownNames, twice := map[string]bool{}, map[string]bool{}
	for name, value := range fieldsIn(body) {
		at := slices.IndexFunc(known, func(f namedField) bool { return f.name == name })
		switch {
		case at < 0 && len(unknownNames) < models.MaxFieldErrors:
			unknownNames[FieldName(name)] = true
		case at < 0:
		case fields[name] != nil:
			twice[name] = true
		default:
			fields[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unknownNames)) {
		wrong = append(wrong, models.FieldError{Field: name, Message: "is not known here"})
	}
	for _, f := range known {
		if twice[f.name] {
			wrong = append(wrong, models.FieldError{Field: f.name, Message: "must be given once"})
		}
	}
	return fields, wrong, true
}

// missing returns errors for required fields that are not there. Most fields are checked by Validate; these have a
// valid zero value.
func missing(value any, fields map[string]json.RawMessage) (wrong []models.FieldError) {
	if v, ok := value.(interface{ Required() []string }); ok {
		for _, name := range v.Required() {
			if fields[name] == nil {
				wrong = append(wrong, models.FieldError{Field: name, Message: "is required"})
			}
		}
	}
	return wrong
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// setFields sets the fields of a struct, and returns errors for values of the wrong type. Null sets the zero value.
func setFields(value reflect.Value, fields map[string]json.RawMessage) (wrong []models.FieldError) {
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
		case isEnum(f.Type) && field.Len() == 0:
			wrong = append(wrong, models.FieldError{Field: name, Message: "must not be empty; leave it out instead"})
		}
	}
	return wrong
}

// namedField is a field and its name in JSON.
type namedField struct {
	reflect.StructField
	name string
}

// bodyFields caches the fields of the few types of bodies. The lists are never changed.
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

// isEnum reports whether t has a few words as values, such as a role. An empty word would be read as a field left out.
func isEnum(t reflect.Type) bool { return t.Kind() == reflect.String && t != reflect.TypeFor[string]() }

// describe names the values of type t for an error.
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
		if t.Elem().Kind() == reflect.String {
			return "a list of strings"
		}
		return "a list"
	case reflect.Struct:
		if t == reflect.TypeFor[models.Time]() {
			return "a time as in RFC 3339"
		}
		return "an object"
	default:
		return "of another type"
	}
}
