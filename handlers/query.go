package handlers

import (
	"maps"
	"net/http"
	"slices"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// checkQuery refuses parameters of a query that its route does not have, and those that come more than once and are no
// lists: a misspelled filter that is ignored returns what nobody asked for. Most requests have no query, and pass at
// once.
func checkQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			if wrong := wrongParameters(r); len(wrong) > 0 {
				refuseRequest(w, r, models.InvalidFields(wrong))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func wrongParameters(r *http.Request) (wrong []models.FieldError) {
	query := api.Queries[request.Route(r)]
	values := request.Query(r)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		repeatable, known := query.Parameters[name]
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
	}
	return wrong
}
