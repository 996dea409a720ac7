package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// Stream is an event stream that a test reads. Cancel disconnects it.
type Stream struct {
	T      testing.TB
	Events chan Event
	Cancel context.CancelFunc
	Ready  models.Ready
	LastID string // id of the last event that Next returned and that had one
}

// Event is one event as it was received.
type Event struct {
	ID, Name, Data string
}

// Decode decodes the data of the event into v.
func (e Event) Decode(v any) error { return json.Unmarshal([]byte(e.Data), v) }

// CheckContract fails the test if the event violates the contract.
func (e Event) CheckContract(t testing.TB) {
	t.Helper()
	event := map[string]any{"event": e.Name}
	if e.ID != "" {
		event["id"] = e.ID
	}
	var data any
	err := e.Decode(&data)
	if err == nil {
		event["data"] = data
		err = EventSchema(e.Name).VisitJSON(event)
	}
	if message, known := StreamMessages()[e.Name]; err == nil && known {
		err = message.Payload.Validate(event)
	} else if err == nil {
		err = errors.New("asyncapi.yaml does not have it")
	}
	if err != nil {
		t.Fatalf("%v\nviolates the contract: %v", e, err)
	}
}

func (e Event) String() string { return fmt.Sprintf("%s %s %s", e.ID, e.Name, e.Data) }

// OpenStream opens the client's event stream and reads its first event, which must be ready. query is for example
// "room=1&room=2".
func (c *Client) OpenStream(query string, headers ...string) *Stream {
	c.T.Helper()
	s := c.ConnectStream(query, headers...)
	first := s.Next()
	if first.Name != string(models.EventReady) {
		c.T.Fatalf("the first event of the stream is %v", first)
	}
	if err := first.Decode(&s.Ready); err != nil {
		c.T.Fatal(err)
	}
	return s
}

// ConnectStream opens the client's event stream without reading an event. It is closed at the end of the test.
func (c *Client) ConnectStream(query string, headers ...string) *Stream {
	c.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c.T.Cleanup(cancel)
	body := c.OpenStreamBody(ctx, query, headers...)
	s := &Stream{T: c.T, Events: make(chan Event), Cancel: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.Events)
		defer func() { _ = body.Close() }()
		_ = ReadEvents(body, func(e Event) bool {
			select {
			case s.Events <- e:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	c.T.Cleanup(func() { cancel(); <-done })
	return s
}

// OpenStreamBody opens the client's event stream and returns its body. The stream ends with ctx.
func (c *Client) OpenStreamBody(ctx context.Context, query string, headers ...string) io.ReadCloser {
	c.T.Helper()
	body, err := c.TryOpenStream(ctx, query, headers...)
	if err != nil {
		c.T.Fatal(err)
	}
	return body
}

// TryOpenStream is OpenStreamBody, but returns the error. A response that is not a stream, or is busy, is a
// StreamRefusedError.
func (c *Client) TryOpenStream(ctx context.Context, query string, headers ...string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", c.URL+"/v1/events?"+query, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	c.setHeaders(req, headers)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		return nil, &StreamRefusedError{res.StatusCode, string(body)}
	}
	if res.ContentLength >= 0 { // the response is busy: a stream has no length
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		return nil, errors.Join(&StreamRefusedError{http.StatusServiceUnavailable, string(body)}, err)
	}
	return res.Body, nil
}

// StreamRefusedError is a response that is not an event stream, or a stream that consists of the event busy.
type StreamRefusedError struct {
	Status int
	body   string
}

func (r *StreamRefusedError) Error() string {
	return fmt.Sprintf("the stream was refused: %d %s", r.Status, r.body)
}

// ReadEvents parses an event stream until the reader fails or take returns false. Only the latter returns nil.
func ReadEvents(r io.Reader, take func(Event) bool) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	var e Event
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			e.ID = value
		case "event":
			e.Name = value
		case "data":
			e.Data = value
		case "":
			if e.Name != "" && !take(e) {
				return nil
			}
			e = Event{}
		}
	}
}

// Next returns the next event. The test fails if the stream ends or no event arrives within Timeout.
func (s *Stream) Next() Event {
	s.T.Helper()
	select {
	case e, open := <-s.Events:
		if !open {
			s.T.Fatal("the stream ended")
		}
		e.CheckContract(s.T)
		if e.ID != "" {
			s.LastID = e.ID
		}
		return e
	case <-time.After(Timeout):
		s.T.Fatal("timeout: no event arrived")
	}
	panic("unreachable")
}

// Expect returns the next event, which must have the name, and decodes its data into v unless v is nil.
func (s *Stream) Expect(name models.EventName, v any) Event {
	s.T.Helper()
	e := s.Next()
	if e.Name != string(name) {
		s.T.Fatalf("got %v, want %s", e, name)
	}
	if v != nil {
		if err := e.Decode(v); err != nil {
			s.T.Fatal(err)
		}
	}
	return e
}

// SkipTo reads events until one has the name, and returns that one.
func (s *Stream) SkipTo(name models.EventName) Event {
	s.T.Helper()
	for {
		if e := s.Next(); e.Name == string(name) {
			return e
		}
	}
}

// ExpectEnd expects the stream to end without another event.
func (s *Stream) ExpectEnd() {
	s.T.Helper()
	select {
	case e, open := <-s.Events:
		if open {
			s.T.Fatalf("got %v, want the end of the stream", e)
		}
	case <-time.After(Timeout):
		s.T.Fatal("the stream did not end")
	}
}

// ExpectUserStatus expects the next event to be user.online or user.offline of the user, as name says, and returns its
// time.
func (s *Stream) ExpectUserStatus(name models.EventName, user *Client) models.Time {
	s.T.Helper()
	var e models.UserStatus
	if got := s.Expect(name, &e); got.ID != "" || e.User != user.User.Ref() || e.At.IsZero() {
		s.T.Errorf("got %v, want %s of %s", got, name, user.User.Username)
	}
	return e.At
}

// PollEvents reads a page of the event log, and returns it with the cursor of the next page.
func (c *Client) PollEvents(query string) (events []models.Event, cursor string) {
	c.T.Helper()
	response := c.Call("GET", "/v1/events/log?"+query, nil).ExpectStatus(200)
	var page models.EventPage
	response.Decode(&page)
	for _, e := range page.Items {
		Event{ID: e.ID, Name: string(e.Name), Data: string(e.Data)}.CheckContract(c.T)
	}
	if header := response.Header("Event-Cursor"); header != page.Cursor {
		c.T.Errorf("%v\nhas another cursor in Event-Cursor: %s", response, header)
	}
	return page.Items, page.Cursor
}
