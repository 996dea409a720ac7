package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/upload/tus"
	"github.com/parley-chat/parley/models"
)

// roomAt is the room that a path names.
func roomAt(room string) (models.RoomPath, error) {
	path, ok := models.ParseRoomPath(room)
	if !ok {
		return path, models.NotFound()
	}
	return path, nil
}

// userAt is the user that a path names; me is the caller.
func userAt(user string, me int64) (models.UserPath, error) {
	path, ok := models.ParseUserPath(user, me)
	if !ok {
		return path, models.NotFound()
	}
	return path, nil
}

// roomAndUserAt are those of a path that names both.
func roomAndUserAt(room, user string, me int64) (models.RoomPath, models.UserPath, error) {
	r, err := roomAt(room)
	if err != nil {
		return r, models.UserPath{}, err
	}
	u, err := userAt(user, me)
	return r, u, err
}

func paging(limit *int, cursor *string) (models.Paging, error) {
	n, err := pageSize(limit)
	return models.Paging{Limit: n, Cursor: given(cursor)}, err
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

func subject(s *string) (string, error) {
	if n := utf8.RuneCountInString(given(s)); s != nil && (n < 1 || n > models.MaxSubjectLength) {
		return "", models.Invalid("subject", "must be 1 to %d characters", models.MaxSubjectLength)
	}
	return given(s), nil
}

// instant is a time in a query; the zero one for none.
func instant(name string, given *string) (models.Time, error) {
	if given == nil {
		return models.Time{}, nil
	}
	t, err := models.ParseTime(*given)
	if err != nil {
		return t, models.Invalid(name, "must be a time as in RFC 3339")
	}
	return t, nil
}

// given is what p points at, or the zero value for what was left out.
func given[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}

// refuseParameter answers for a parameter that the generated code could not read. What does not fit into a path names
// nothing; elsewhere it is a mistake.
func refuseParameter(w http.ResponseWriter, r *http.Request, err error) {
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
	if isUpload(r) { // tus has its version looked at before anything else
		w.Header().Set("Tus-Resumable", tus.Version)
		if r.Header.Get("Tus-Resumable") != tus.Version {
			err = otherTus(w)
		}
	}
	fail(w, r, err)
}

// expected says what a query's parameter must be, from why it could not be read.
func expected(err error) string {
	var number *strconv.NumError // of strconv's ParseBool too
	switch {
	case errors.As(err, &number) && number.Func == "ParseBool":
		return "must be true or false"
	case errors.As(err, &number):
		return "must be a whole number"
	}
	return "must be given once, and well-formed"
}
