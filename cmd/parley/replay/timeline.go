package replay

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/parley-chat/parley/models"
)

// replayTimeline is everything that a room's readers must see, in its order. An event is added before the request that
// makes it happen, since a reader may hear of it before the answer comes.
type replayTimeline struct {
	mu       sync.Mutex
	events   []replayEvent
	messages int64
}

// replayEvent is one event of a timeline: a message, or somebody who joined or left.
type replayEvent struct {
	name     models.EventName
	user     *models.UserRef
	id       int64  // of a message, in its room
	text     string // of a message
	clientID string // of a message
}

func (e replayEvent) String() string {
	if e.name == models.EventMessageCreated {
		return fmt.Sprintf("message %d of %s %q", e.id, e.user.Username, e.text)
	}
	return fmt.Sprintf("%s %s", e.name, e.user.Username)
}

// add puts an event at the end and returns it and its place. A message gets the next id.
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

// at is the event at a place; ok is false when the timeline is shorter.
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

// matches compares a message with what was sent; "" means that they are the same.
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

// replayWalk goes along the timelines of the rooms: each event that it is shown must be the next one of its room. So
// it finds what is lost, what comes twice and what comes out of order. A room in which it found something is left.
type replayWalk struct {
	who    string
	report *report

	mu     sync.Mutex
	places map[int64]*replayPlace
}

// replayPlace is how far a walk has come in one room.
type replayPlace struct {
	room *room
	next int
}

func newReplayWalk(who string, report *report) *replayWalk {
	return &replayWalk{who: who, report: report, places: map[int64]*replayPlace{}}
}

// enter adds a room, in which the event at a place comes next.
func (w *replayWalk) enter(room *room, next int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.places[room.id] = &replayPlace{room: room, next: next}
}

// behind is how many events have still to come.
func (w *replayWalk) behind() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := 0
	for _, p := range w.places {
		sum += p.room.timeline.length() - p.next
	}
	return sum
}

// see shows the walk an event. opened are the rooms that its stream asked to be in: their messages must come in full.
func (w *replayWalk) see(name models.EventName, data []byte, opened map[int64]bool) {
	switch name {
	case models.EventMessageCreated, models.EventMessageNotification:
		var m models.Message
		if err := json.Unmarshal(data, &m); err != nil {
			w.report.differ("%s: %s that cannot be read: %v", w.who, name, err)
			return
		}
		w.step(m.RoomID, fmt.Sprintf("message %d of %s", m.ID, m.Sender.Username), func(e replayEvent) string {
			if e.name != models.EventMessageCreated {
				return "is another event"
			}
			if name == models.EventMessageNotification && opened[m.RoomID] {
				return "came as a notification into a room that the stream is in"
			}
			return e.matches(m)
		})
	case models.EventMemberJoined, models.EventMemberLeft:
		var m models.MemberEvent
		if err := json.Unmarshal(data, &m); err != nil {
			w.report.differ("%s: %s that cannot be read: %v", w.who, name, err)
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

// step goes on by one event in a room, if compare finds nothing to say against it. Other rooms are none of its
// business: the run is not alone on the server.
func (w *replayWalk) step(roomID int64, got string, compare func(replayEvent) string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.places[roomID]
	if p == nil {
		return
	}
	e, ok := p.room.timeline.at(p.next)
	problem := "which comes after the end"
	if ok {
		if problem = compare(e); problem == "" {
			p.next++
			return
		}
		problem = fmt.Sprintf("where %v was due: %s", e, problem)
	}
	w.report.differ("%s: %s: got %s, %s", w.who, p.room.log.title(), got, problem)
	delete(w.places, roomID)
}

// finish reports what never came.
func (w *replayWalk) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.places {
		if e, ok := p.room.timeline.at(p.next); ok {
			w.report.differ("%s: %s: %d events never came, the first is %v",
				w.who, p.room.log.title(), p.room.timeline.length()-p.next, e)
		}
	}
}
