package middleware

import (
	"net/http"

	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// CheckURL refuses URLs with text that the databases cannot store: U+0000, and what is not UTF-8. It parses the query
// for all that follow.
func CheckURL(q limit.Quotas) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !request.Storable(r.URL.Path) {
				refuse(q, w, r, models.NotFound())
				return
			}
			if err := checkQuery(r); err != nil {
				refuse(q, w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// maxQueryName bounds the characters of a parameter's name that an error repeats.
const maxQueryName = 64

func checkQuery(r *http.Request) error {
	query, err := request.ParseQuery(r)
	if err != nil {
		return models.Invalid("query", "is not well-formed")
	}
	for name, values := range query {
		if !request.Storable(name) {
			return models.Invalid("query", "has a name that is not text in UTF-8")
		}
		for _, value := range values {
			if !request.Storable(value) {
				return models.Invalid(request.Truncate(name, maxQueryName), "must be text in UTF-8, without U+0000")
			}
		}
	}
	return nil
}
