package sse

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/parley-chat/parley/models"
)

// event is a log entry and its frames, encoded once for all streams and all walks.
type event struct {
	models.LogEntry
	frame []byte // as everybody sees it
	// notification is the frame for those who are not in the room; nil for all but message.created.
	notification []byte
	// stale is set when what the event tells is not so any more, and is read again for whoever is behind. The hub's lock
	// guards it.
	stale bool
}

func newEvent(epoch string, e models.LogEntry) *event {
	id := ""
	if e.Kept() {
		id = models.Cursor{Epoch: epoch, Position: e.Position}.String()
	}
	ev := &event{LogEntry: e, frame: encodeFrame(id, e.Name, e.Data)}
	if e.Name == models.EventMessageCreated {
		ev.notification = encodeFrame(id, models.EventMessageNotification, e.Data)
	}
	end := len(ev.frame) - len("\n\n")
	ev.Data = ev.frame[end-len(e.Data) : end : end] // the same, and not kept twice
	return ev
}

// encode writes an event in the event stream format (WHATWG HTML, section 9.2.6). data is JSON, so it has no line
// breaks. An empty id leaves the client's last one as it was.
func encodeFrame(id string, name models.EventName, data []byte) []byte {
	b := make([]byte, 0, len(id)+len(name)+len(data)+len("id: \nevent: \ndata: \n\n"))
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), name...), '\n')
	b = append(append(append(b, "data: "...), data...), '\n')
	return append(b, '\n')
}

// heartbeat is a comment: it keeps proxies from closing a stream that is only quiet.
var heartbeatFrame = []byte(":\n\n")

// retryFrame tells a browser how long to wait before it comes back.
func retryFrame(ms int64) []byte {
	return append(strconv.AppendInt([]byte("retry: "), ms, 10), "\n\n"...)
}

// passing encodes an event that is not in the log.
func ephemeralFrame(id string, name models.EventName, data any) []byte {
	encoded, err := json.Marshal(data)
	if err != nil {
		panic(err) // the types of package models can all be encoded
	}
	return encodeFrame(id, name, encoded)
}

// BusyAnswer is the whole answer to a client whose stream cannot be opened for now: when to come back, and the event busy.
// A browser's EventSource gives up for good on any status but 200, and comes back by itself after an answer that ends.
// again is the least time to wait, 1 s for less than that; up to half as long, and a second, are added by chance, so that
// clients which were refused together do not return together. The event has no id: the browser's last one stays as it was.
func BusyAnswer(reason models.BusyReason, again time.Duration) []byte {
	again = max(again, time.Second)
	pause := again + rand.N(again/2+time.Second)
	return append(retryFrame(pause.Milliseconds()), ephemeralFrame("", models.EventBusy, models.Busy{Reason: reason})...)
}
