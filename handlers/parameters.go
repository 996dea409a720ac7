package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/handlers/upload/tus"
	"github.com/parley-chat/parley/models"
)

// parseRoom parses the room of a path: an id or a handle.
func parseRoom(room string) (models.RoomPath, error) {
	path, ok := models.ParseRoomPath(room)
	if !ok {
		return path, models.NotFound()
	}
	return path, nil
}

// parseUser parses the user of a path: an id, a username, or "me" for the caller, whose id is me.
func parseUser(user string, me int64) (models.UserPath, error) {
	path, ok := models.ParseUserPath(user, me)
	if !ok {
		return path, models.NotFound()
	}
	return path, nil
}

// parseRoomAndUser parses a path with both.
func parseRoomAndUser(room, user string, me int64) (models.RoomPath, models.UserPath, error) {
	r, err := parseRoom(room)
	if err != nil {
		return r, models.UserPath{}, err
	}
	u, err := parseUser(user, me)
	return r, u, err
}

// paging parses the parameters of a page.
func paging(limit *int, cursor *string) (models.Paging, error) {
	n, err := pageSize(limit)
	return models.Paging{Limit: n, Cursor: valueOf(cursor)}, err
}

func pageSize(limit *int) (int, error) {
	switch {
	case limit == nil:
		return models.DefaultPageSize, nil
	case *limit < 1 || *limit > models.MaxPageSize:
		return 0, models.Invalid("limit", "must be 1 to %d", models.MaxPageSize)
	}
	return *limit, nil
}

// subject parses the subject of a room in a query.
func subject(s *string) (string, error) {
	if n := utf8.RuneCountInString(valueOf(s)); s != nil && (n < 1 || n > models.MaxSubjectLength) {
		return "", models.Invalid("subject", "must be 1 to %d characters", models.MaxSubjectLength)
	}
	return valueOf(s), nil
}

// instant parses a time in a query; zero if it is missing.
func instant(name string, value *string) (models.Time, error) {
	if value == nil {
		return models.Time{}, nil
	}
	t, err := models.ParseTime(*value)
	if err != nil {
		return t, models.Invalid(name, "must be a time as in RFC 3339")
	}
	return t, nil
}

// zeroOrOne parses a parameter that is 0 or 1; false if it is missing.
func zeroOrOne(name string, value *int) (bool, error) {
	if n := valueOf(value); n != 0 && n != 1 {
		return false, models.Invalid(name, "must be 0 or 1")
	}
	return valueOf(value) == 1, nil
}

// valueOf returns what p points at, or the zero value for nil.
func valueOf[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}

// failParameter responds to a request with a parameter that the generated code could not parse. In the path this is
// not_found, otherwise invalid_request.
func failParameter(w http.ResponseWriter, r *http.Request, err error) {
	var missing *api.RequiredParamError
	var missingHeader *api.RequiredHeaderError
	var many *api.TooManyValuesForParamError
	var format *api.InvalidParamFormatError
	switch {
	case errors.As(err, &missing):
		err = models.Invalid(missing.ParamName, "is required")
	case errors.As(err, &missingHeader):
		err = models.Invalid(missingHeader.ParamName, "is required")
	case errors.As(err, &many):
		err = models.Invalid(many.ParamName, "must be given once")
	case errors.As(err, &format):
		err = models.Invalid(format.ParamName, "%s", expected(format.Err))
		if slices.Contains(chi.RouteContext(r.Context()).URLParams.Keys, format.ParamName) {
			err = models.NotFound()
		}
	}
	refuseRequest(w, r, err)
}

// refuseRequest responds to a request that is refused before its handler is called: for a parameter or an encoding.
func refuseRequest(w http.ResponseWriter, r *http.Request, err error) {
	if request.IsUpload(r) { // tus checks its version first
		w.Header().Set("Tus-Resumable", tus.Version)
		if r.Method != http.MethodOptions && r.Header.Get("Tus-Resumable") != tus.Version {
			err = wrongTusVersion(w)
		}
	}
	problem.Write(w, r, err)
}

// expected returns what a parameter of a query must be, from the error of parsing it.
func expected(err error) string {
	var number *strconv.NumError // also of strconv.ParseBool
	switch {
	case errors.As(err, &number) && number.Func == "ParseBool":
		return "must be true or false"
	case errors.As(err, &number):
		return "must be a whole number"
	}
	return "must be given once, and well-formed"
}
