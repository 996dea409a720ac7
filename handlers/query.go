package handlers

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// maxQueryErrors bounds the errors about one query, like those about one body.
const maxQueryErrors = 20

// checkEncoding refuses bodies that are compressed: nothing here would decompress them, so a file would be stored as
// what it is not.
func checkEncoding(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, identity) {
			w.Header().Set("Accept-Encoding", identity)
			refuseParameter(w, r, models.Errorf(models.CodeUnsupportedMediaType,
				"Bodies are sent as they are, without a Content-Encoding."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// identity is the Content-Encoding of a body that is sent as it is.
const identity = "identity"

// checkQuery refuses parameters of a query that its route does not have, and those that come more than once and are no
// lists: a misspelled filter that is ignored returns what nobody asked for. Most requests have no query, and pass at
// once.
func checkQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			if wrong := wrongParameters(r); len(wrong) > 0 {
				refuseParameter(w, r, &models.Error{
					Code: models.CodeInvalidRequest, Message: "The request is not valid; errors says where.", Fields: wrong,
				})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func wrongParameters(r *http.Request) (wrong []models.FieldError) {
	query := api.Queries[request.Route(r)]
	values := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		repeatable, known := query.Repeatable[name]
		field := models.FieldError{Field: codec.FieldName(name)}
		switch {
		case name == "":
			field.Field, field.Message = "query", "has a value without a name"
		case !known:
			field.Message = "is not a parameter of this route"
		case !repeatable && len(values[name]) > 1:
			field.Message = "must be given once"
		}
		if field.Message != "" && (known || !query.Open) {
			wrong = append(wrong, field)
		}
		if len(wrong) == maxQueryErrors {
			break
		}
	}
	return wrong
}
