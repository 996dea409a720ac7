package problem

import (
	"net/http"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/sse"
)

// streamsPath is the path of event streams.
const streamsPath = "/v1/events"

// wantsStream reports whether a request would open an event stream. It looks at the path and not at the route, because
// requests are also refused before the router has found their route.
func wantsStream(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == streamsPath &&
		codec.EventEncodingFor(r) == codec.EventStream
}

// busyReason returns why a request is refused for now, or "" if a retry would not help. A defect counts as temporary,
// so that it does not end streams for good.
func busyReason(status int, err *models.Error) models.BusyReason {
	switch {
	case err.Busy != "":
		return err.Busy
	case status == http.StatusTooManyRequests:
		return models.BusyRateLimited
	case status == http.StatusServiceUnavailable, status == http.StatusInternalServerError:
		return models.BusyUnavailable
	}
	return ""
}

// writeBusy tells a client that its stream cannot be opened for now, as a stream that ends: a browser's EventSource
// does not reconnect after any status but 200.
func writeBusy(w http.ResponseWriter, reason models.BusyReason, err *models.Error) {
	w.Header().Set("X-Accel-Buffering", "no")
	codec.Write(w, http.StatusOK, codec.EventStream, sse.BusyResponse(reason, err.RetryAfter))
}
