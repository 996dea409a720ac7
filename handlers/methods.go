package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/parley-chat/parley/models"
)

// methods are those that the contract knows, in the order in which Allow lists them.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// answerOptions answers OPTIONS on every route that has no answer of its own to it. That costs no more than refusing it, and
// is not counted: browsers ask so ahead of other requests, without a token, and many of them behind one address.
func (q quotas) answerOptions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions || patternFor(r, http.MethodOptions) != "" {
			next.ServeHTTP(w, r)
			return
		}
		allowed := allowedMethods(r)
		if len(allowed) == 0 {
			q.notFound(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		w.WriteHeader(http.StatusNoContent)
	})
}

// allowedMethods are those that the request's path has a route for; none when there is no such path. Of patterns that the
// path has the form of, only the most literal one counts: /v1/rooms/search is not a room.
func allowedMethods(r *http.Request) []string {
	patterns, best := map[string]string{}, ""
	for _, method := range methods {
		patterns[method] = patternFor(r, method)
		if best == "" || patterns[method] != "" && moreLiteral(patterns[method], best) {
			best = patterns[method]
		}
	}
	if best == "" {
		return nil
	}
	var allowed []string
	for _, method := range methods {
		asGet := method == http.MethodHead && patterns[http.MethodHead] == "" && patterns[http.MethodGet] == best
		if patterns[method] == best || asGet || method == http.MethodOptions {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// patternFor is the pattern of the route that would answer the request if it had this method; "" for none.
func patternFor(r *http.Request, method string) string {
	return chi.RouteContext(r.Context()).Routes.Find(chi.NewRouteContext(), method, rawPath(r))
}

// rawPath is the request's path as it is routed: an escaped slash in it is no slash.
func rawPath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.Path
}

// moreLiteral reports whether pattern a names more of a path than b does, as seen from its start.
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

// literals lists, for patterns with a template, those that name what the template stands for: /v1/rooms/search for
// /v1/rooms/{room}. The router would take the template wherever the literal one does not have a method.
type literals map[string][]string

// learn fills in the patterns of a router that has all its routes.
func (l literals) learn(r chi.Routes) {
	var all []string
	_ = chi.Walk(r, func(_, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !slices.Contains(all, pattern) {
			all = append(all, pattern)
		}
		return nil
	})
	for _, template := range all {
		for _, literal := range all {
			if literal != template && hasForm(literal, template) {
				l[template] = append(l[template], literal)
			}
		}
	}
}

// hasForm reports whether a path, or a pattern that is one but for its own templates, has the form of a pattern.
func hasForm(path, pattern string) bool {
	return slices.EqualFunc(strings.Split(path, "/"), strings.Split(pattern, "/"), func(part, form string) bool {
		return part == form || isTemplate(form)
	})
}

// literalFirst stops a request that the router led to a template for want of the method on the route that it names.
func (q quotas) literalFirst(l literals) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, literal := range l[chi.RouteContext(r.Context()).RoutePattern()] {
				if hasForm(rawPath(r), literal) {
					q.methodNotAllowed(w, r)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

func (q quotas) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := strings.Join(allowedMethods(r), ", ")
	if allowed == "" { // a method that nobody knows, on a path that is not there
		q.notFound(w, r)
		return
	}
	w.Header().Set("Allow", allowed)
	q.refuse(w, r, models.Errorf(models.CodeMethodNotAllowed, "This route takes %s.", allowed))
}

// methodOverride names the header in which a tus client says the method that it cannot send.
const methodOverride = "X-HTTP-Method-Override"

// overrideMethod gives a POST to an upload the method that its client means, as tus wants it (1.0.0, Requests). Elsewhere
// nobody asked for it.
func overrideMethod(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := strings.ToUpper(r.Header.Get(methodOverride))
		if method == "" || r.Method != http.MethodPost || !isUpload(r) {
			next.ServeHTTP(w, r)
			return
		}
		meant := *r // the original stays: the server needs to know what was sent
		meant.Method = method
		next.ServeHTTP(w, &meant)
	})
}

// uploadsPath is where files come in chunks.
const uploadsPath = "/v1/uploads"

func isUpload(r *http.Request) bool {
	return r.URL.Path == uploadsPath || strings.HasPrefix(r.URL.Path, uploadsPath+"/")
}
