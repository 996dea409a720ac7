package middleware

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// Methods are the methods of the contract, in the order in which Allow lists them.
var Methods = []string{
	http.MethodGet,
	http.MethodHead,
	http.MethodPost,
	http.MethodPut,
	http.MethodPatch,
	http.MethodDelete,
	http.MethodOptions,
}

// RespondToOptions responds to OPTIONS on every route that does not handle it itself. These requests are not counted,
// since a response costs no more than a refusal: browsers send them before other requests, without a token, and many
// browsers may share one address.
func RespondToOptions(q limit.Quotas) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodOptions || patternFor(r, http.MethodOptions) != "" {
				next.ServeHTTP(w, r)
				return
			}
			allowed := allowedMethods(r)
			if len(allowed) == 0 {
				refuse(q, w, r, models.NotFound())
				return
			}
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			if slices.Contains(allowed, http.MethodPatch) {
				w.Header().Set("Accept-Patch", codec.AcceptPatch)
			}
			w.WriteHeader(http.StatusNoContent)
		})
	}
}

// allowedMethods returns the methods that the request's path has a route for, none if the path does not exist. Of
// several patterns that match the path only the most literal one counts: /v1/rooms/search is not a room.
func allowedMethods(r *http.Request) []string {
	patterns, best := map[string]string{}, ""
	for _, method := range Methods {
		patterns[method] = patternFor(r, method)
		if best == "" || patterns[method] != "" && moreLiteral(patterns[method], best) {
			best = patterns[method]
		}
	}
	if best == "" {
		return nil
	}
	var allowed []string
	for _, method := range Methods {
		asGet := method == http.MethodHead && patterns[http.MethodHead] == "" && patterns[http.MethodGet] == best
		if patterns[method] == best || asGet || method == http.MethodOptions {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// patternFor returns the pattern of the route that would serve the request if it had this method; "" for none.
func patternFor(r *http.Request, method string) string {
	return chi.RouteContext(r.Context()).Routes.Find(chi.NewRouteContext(), method, rawPath(r))
}

// rawPath is the path as the router sees it: an escaped slash does not separate segments.
func rawPath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.Path
}

// moreLiteral reports whether, at the first segment that is literal in only one of the two patterns, that one is a.
func moreLiteral(a, b string) bool {
	segmentsA, segmentsB := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(segmentsA), len(segmentsB)) {
		if templateA, templateB := isTemplate(segmentsA[i]), isTemplate(segmentsB[i]); templateA != templateB {
			return templateB
		}
	}
	return false
}

func isTemplate(segment string) bool { return strings.HasPrefix(segment, "{") }

// Literals lists, for each pattern with a template, the patterns that are literal in its place: /v1/rooms/search for
// /v1/rooms/{room}. The router alone falls back to the template when the literal pattern does not have a method.
type Literals map[string][]string

// Learn fills in the patterns of a router that has all its routes.
func (l Literals) Learn(r chi.Routes) {
	var all []string
	_ = chi.Walk(r, func(_, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !slices.Contains(all, pattern) {
			all = append(all, pattern)
		}
		return nil
	})
	for _, template := range all {
		for _, literal := range all {
			if literal != template && matches(literal, template) {
				l[template] = append(l[template], literal)
			}
		}
	}
}

// matches reports whether a path matches a pattern. The path may be a pattern itself, with templates of its own.
func matches(path, pattern string) bool {
	return slices.EqualFunc(strings.Split(path, "/"), strings.Split(pattern, "/"), func(part, form string) bool {
		return part == form || isTemplate(form)
	})
}

// LiteralFirst refuses a request that the router sent to a template because the literal pattern has no such method.
func LiteralFirst(q limit.Quotas, l Literals) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, literal := range l[chi.RouteContext(r.Context()).RoutePattern()] {
				if matches(rawPath(r), literal) {
					WrongMethod(q)(w, r)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// WrongMethod responds to requests whose path exists, but not for their method.
func WrongMethod(q limit.Quotas) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		allowed := strings.Join(allowedMethods(r), ", ")
		if allowed == "" { // an unknown method on a path that does not exist
			refuse(q, w, r, models.NotFound())
			return
		}
		w.Header().Set("Allow", allowed)
		refuse(q, w, r, models.Errorf(models.CodeMethodNotAllowed, "This route takes %s.", allowed))
	}
}

// methodOverride is the header in which a tus client names the method that it cannot send, in the form that http.Header
// has it in: it would convert the usual form anew for each request.
const methodOverride = "X-Http-Method-Override"

// OverrideMethod applies X-HTTP-Method-Override to a POST on an upload (tus 1.0.0, section Requests). Other routes
// ignore the header.
func OverrideMethod(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := strings.ToUpper(r.Header.Get(methodOverride))
		if method == "" || r.Method != http.MethodPost || !request.IsUpload(r) {
			next.ServeHTTP(w, r)
			return
		}
		overridden := *r // a copy: net/http looks at the method of its own request
		overridden.Method = method
		next.ServeHTTP(w, &overridden)
	})
}
