package replay

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/parley-chat/parley/models"
)

// replayTimeline is the list of events that a room's readers must see, in order. An event is added before the request
// that causes it, since a reader may receive it before the response.
type replayTimeline struct {
	mu       sync.Mutex
	events   []replayEvent
	messages int64
}

// replayEvent is one event of a timeline: a message, a join or a leave.
type replayEvent struct {
	name     models.EventName
	user     *models.UserRef
	id       int64  // of the message in its room
	text     string // of the message
	clientID string // of the message
}

func (e replayEvent) String() string {
	if e.name == models.EventMessageCreated {
		return fmt.Sprintf("message %d of %s %q", e.id, e.user.Username, e.text)
	}
	return fmt.Sprintf("%s %s", e.name, e.user.Username)
}

// add appends an event and returns it and its index. A message gets the next id.
func (t *replayTimeline) add(e replayEvent) (replayEvent, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.name == models.EventMessageCreated {
		t.messages++
		e.id = t.messages
	}
	t.events = append(t.events, e)
	return e, len(t.events) - 1
}

// at returns the event at an index; ok is false if the timeline is shorter.
func (t *replayTimeline) at(i int) (e replayEvent, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i >= len(t.events) {
		return replayEvent{}, false
	}
	return t.events[i], true
}

func (t *replayTimeline) length() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.events)
}

// matches compares a message with the sent one and returns the difference, "" for none.
func (e replayEvent) matches(m models.Message) string {
	switch {
	case m.ID != e.id:
		return fmt.Sprintf("has the id %d", m.ID)
	case m.Sender != *e.user:
		return fmt.Sprintf("has the sender %+v", m.Sender)
	case m.Text != e.text:
		return fmt.Sprintf("has the text %q", m.Text)
	case m.ClientID != e.clientID:
		return fmt.Sprintf("has the client_id %q", m.ClientID)
	case m.Type != models.MessageText, len(m.Files) > 0, len(m.Reactions) > 0, m.ReplyTo != 0:
		return fmt.Sprintf("is more than a text: %+v", m)
	case !m.EditedAt.IsZero(), !m.DeletedAt.IsZero():
		return "was edited or deleted"
	}
	return ""
}

// eventChecker compares events with the timelines of the rooms: each event must be the next one of its room. So it
// finds lost events, duplicates and a wrong order. After a difference in a room it ignores that room.
type eventChecker struct {
	who    string
	report *report

	mu     sync.Mutex
	places map[int64]*checkedRoom
}

// checkedRoom is the position of a checker in one room.
type checkedRoom struct {
	room *room
	next int
}

func newEventChecker(who string, report *report) *eventChecker {
	return &eventChecker{who: who, report: report, places: map[int64]*checkedRoom{}}
}

// enter adds a room, in which the event at index next is expected.
func (w *eventChecker) enter(room *room, next int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.places[room.id] = &checkedRoom{room: room, next: next}
}

// behind returns the number of events that have not arrived yet.
func (w *eventChecker) behind() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := 0
	for _, p := range w.places {
		sum += p.room.timeline.length() - p.next
	}
	return sum
}

// check checks one event. opened are the rooms that its stream was opened in: their messages must not arrive as
// notifications.
func (w *eventChecker) check(name models.EventName, data []byte, opened map[int64]bool) {
	switch name {
	case models.EventMessageCreated, models.EventMessageNotification:
		var m models.Message
		if err := json.Unmarshal(data, &m); err != nil {
			w.report.differ("%s: invalid %s: %v", w.who, name, err)
			return
		}
		w.step(m.RoomID, fmt.Sprintf("message %d of %s", m.ID, m.Sender.Username), func(e replayEvent) string {
			if e.name != models.EventMessageCreated {
				return "is another event"
			}
			if name == models.EventMessageNotification && opened[m.RoomID] {
				return "arrived as a notification from a room that the stream is in"
			}
			return e.matches(m)
		})
	case models.EventMemberJoined, models.EventMemberLeft:
		var m models.MemberEvent
		if err := json.Unmarshal(data, &m); err != nil {
			w.report.differ("%s: invalid %s: %v", w.who, name, err)
			return
		}
		w.step(m.RoomID, fmt.Sprintf("%s %s", name, m.User.Username), func(e replayEvent) string {
			if e.name != name || *e.user != m.User {
				return "is another event"
			}
			return ""
		})
	}
}

// step advances by one event in a room if compare returns no problem. Rooms of other clients of the server are ignored.
func (w *eventChecker) step(roomID int64, got string, compare func(replayEvent) string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.places[roomID]
	if p == nil {
		return
	}
	e, ok := p.room.timeline.at(p.next)
	problem := "which is after the last expected event"
	if ok {
		if problem = compare(e); problem == "" {
			p.next++
			return
		}
		problem = fmt.Sprintf("want %v: %s", e, problem)
	}
	w.report.differ("%s: %s: got %s, %s", w.who, p.room.log.title(), got, problem)
	delete(w.places, roomID)
}

// finish reports the events that are missing.
func (w *eventChecker) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.places {
		if e, ok := p.room.timeline.at(p.next); ok {
			w.report.differ("%s: %s: %d events are missing, the first is %v",
				w.who, p.room.log.title(), p.room.timeline.length()-p.next, e)
		}
	}
}
