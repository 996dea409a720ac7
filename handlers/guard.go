package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
)

// guardURL stops text that no database takes: U+0000 and what is not UTF-8.
func (q quotas) guardURL(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !storable(r.URL.Path) {
			q.notFound(w, r)
			return
		}
		if err := checkQuery(r.URL.RawQuery); err != nil {
			q.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func checkQuery(raw string) error {
	if raw == "" {
		return nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return models.Invalid("query", "is not well-formed")
	}
	for name, values := range query {
		if !storable(name) {
			return models.Invalid("query", "has a name that is not text in UTF-8")
		}
		for _, value := range values {
			if !storable(value) {
				return models.Invalid(cut(name, maxFieldName), "must be text in UTF-8, without U+0000")
			}
		}
	}
	return nil
}

func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
