package middleware

import (
	"net/http"
	"net/url"

	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// CheckURL refuses URLs with text that the databases cannot store: U+0000, and what is not UTF-8.
func CheckURL(q limit.Quotas) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !request.Storable(r.URL.Path) {
				refuse(q, w, r, models.NotFound())
				return
			}
			if err := checkQuery(r.URL.RawQuery); err != nil {
				refuse(q, w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// maxQueryName bounds the characters of a parameter's name that an error repeats.
const maxQueryName = 64

func checkQuery(raw string) error {
	if raw == "" {
		return nil
	}
	query, err := url.ParseQuery(raw)
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
