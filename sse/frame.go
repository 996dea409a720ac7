package sse

import (
	"encoding/json"
	"strconv"

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
