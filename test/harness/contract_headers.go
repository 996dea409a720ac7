package harness

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// undescribed are the headers that the contract does not describe for each response: those of HTTP itself, and those
// that are the same on all.
var undescribed = []string{
	"Cache-Control", "Connection", "Content-Length", "Content-Type", "Date", "Transfer-Encoding", "Vary",
	"X-Content-Type-Options",
}

// undeclaredHeaders is an error for a response with a header that the contract does not declare for its status.
func undeclaredHeaders(path string, op *openapi3.Operation, res *http.Response) error {
	declared := op.Responses.Status(res.StatusCode)
	if declared == nil {
		declared = op.Responses.Default()
	}
	if declared == nil {
		return nil // the validation says so
	}
	var names []string
	for name := range declared.Value.Headers {
		names = append(names, http.CanonicalHeaderKey(name))
	}
	var unknown []string
	for name := range res.Header {
		if !isTus(path, name) && !isOlderPolling(path, name) && !isCORS(name) &&
			!slices.Contains(names, name) && !slices.Contains(undescribed, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("the contract does not declare the headers %s of a %d", strings.Join(unknown, ", "), res.StatusCode)
}

// isTus reports whether the protocol of uploads puts the header on its responses, problems included, which the contract
// describes together with those of other routes. An upload may exist although its first chunk was refused.
func isTus(path, name string) bool {
	return strings.HasPrefix(path, "/v1/uploads") &&
		(strings.HasPrefix(name, "Tus-") || strings.HasPrefix(name, "Upload-") || name == "Location")
}

// isOlderPolling reports whether the header tells a client that polls the stream's route of the log's own, which the
// contract says in prose.
func isOlderPolling(path, name string) bool {
	return path == "/v1/events" && (name == "Deprecation" || name == "Link")
}

// isCORS reports whether browsers alone read the header.
func isCORS(name string) bool { return strings.HasPrefix(name, "Access-Control-") }
