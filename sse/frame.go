package sse

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/parley-chat/parley/models"
)

// event is a log entry with its frames, which are encoded once for all streams.
type event struct {
	models.LogEntry
	frame []byte // for everybody, unless there is a notification
	// notification is the frame for members who are not present in the room; nil for all but message.created.
	notification []byte
	// stale is set when the cached data is outdated: replays have to read the event from the database. Guarded by
	// Hub.mu.
	stale bool
}

func newEvent(epoch string, e models.LogEntry) *event {
	id := ""
	if e.Replayable() {
		id = models.Cursor{Epoch: epoch, Position: e.Position}.String()
	}
	ev := &event{LogEntry: e, frame: encodeFrame(id, e.Name, e.Data)}
	if e.Name == models.EventMessageCreated {
		ev.notification = encodeFrame(id, models.EventMessageNotification, e.Data)
	}
	end := len(ev.frame) - len("\n\n")
	ev.Data = ev.frame[end-len(e.Data) : end : end] // share the memory of the frame
	return ev
}

// encodeFrame encodes an event in the event stream format (WHATWG HTML, section 9.2.6). data is JSON, so it has no
// line breaks. An event without an id does not change the client's Last-Event-ID.
func encodeFrame(id string, name models.EventName, data []byte) []byte {
	b := make([]byte, 0, len(id)+len(name)+len(data)+len("id: \nevent: \ndata: \n\n"))
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), name...), '\n')
	b = append(append(append(b, "data: "...), data...), '\n')
	return append(b, '\n')
}

// heartbeatFrame is a comment. It keeps proxies from closing a stream on which nothing happens.
var heartbeatFrame = []byte(":\n\n")

// retryFrame tells a browser how long to wait before it reconnects, in milliseconds.
func retryFrame(ms int64) []byte {
	return append(strconv.AppendInt([]byte("retry: "), ms, 10), "\n\n"...)
}

// ephemeralFrame encodes an event that is not in the log.
func ephemeralFrame(id string, name models.EventName, data any) []byte {
	encoded, err := json.Marshal(data)
	if err != nil {
		panic(err) // all types of package models can be encoded
	}
	return encodeFrame(id, name, encoded)
}

// BusyResponse returns the whole response body for a client whose stream cannot be opened now: when to reconnect, and
// the event busy. A browser's EventSource gives up for good on any status but 200, and reconnects after a response
// that ends. again is the minimum delay, at least 1 s. A random part of up to half of it plus a second is added, so
// that clients which were refused together do not reconnect together. The event has no id, so the browser keeps its
// Last-Event-ID.
func BusyResponse(reason models.BusyReason, again time.Duration) []byte {
	again = max(again, time.Second)
	pause := again + rand.N(again/2+time.Second)
	return append(retryFrame(pause.Milliseconds()), ephemeralFrame("", models.EventBusy, models.Busy{Reason: reason})...)
}
