package handlers

import (
	"net/http"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/sse"
)

// streamsPath is where event streams open.
const streamsPath = "/v1/events"

// wantsStream reports whether a request would open an event stream. It asks the path and not the route: requests are
// refused before the router knows them, too.
func wantsStream(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == streamsPath &&
		preferred(r, streamType, jsonType, msgpackType) == streamType
}

// busyReason is why a request is refused for now, "" where asking again later would not help. A defect may pass too:
// nobody is helped by streams that it ends for good.
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

// answerBusy tells a client that its stream cannot be opened for now, in the form of a stream that ends: a browser's
// EventSource gives up for good on any status but 200.
func answerBusy(w http.ResponseWriter, reason models.BusyReason, err *models.Error) {
	w.Header().Set("X-Accel-Buffering", "no")
	write(w, http.StatusOK, streamType, sse.BusyAnswer(reason, err.RetryAfter))
}
