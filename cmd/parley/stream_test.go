package main

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

// stream is an event stream that a test reads.
type stream struct {
	t      testing.TB
	events chan pushed
	cancel context.CancelFunc
	ready  models.Ready
	lastID string // of the newest event that was taken
}

// pushed is one event as it came.
type pushed struct {
	id, name, data string
}

func (e pushed) into(v any) error { return json.Unmarshal([]byte(e.data), v) }

// check holds the event against the contract.
func (e pushed) check(t testing.TB) {
	t.Helper()
	event := map[string]any{"event": e.name}
	if e.id != "" {
		event["id"] = e.id
	}
	var data any
	err := e.into(&data)
	if err == nil {
		event["data"] = data
		err = document().Components.Schemas["StreamEvent"].Value.VisitJSON(event)
	}
	if err != nil {
		t.Fatalf("%v\nis not as the contract has it: %v", e, err)
	}
}

func (e pushed) String() string { return fmt.Sprintf("%s %s %s", e.id, e.name, e.data) }

// open opens the client's stream and takes its ready. query is as in "room=1&room=2".
func (c *client) open(query string, headers ...string) *stream {
	c.t.Helper()
	s := c.connect(query, headers...)
	first := s.next()
	if first.name != string(models.EventReady) {
		c.t.Fatalf("a stream began with %v", first)
	}
	if err := first.into(&s.ready); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// connect opens the client's stream and takes nothing from it. It ends with the test.
func (c *client) connect(query string, headers ...string) *stream {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(cancel)
	body := c.openBody(ctx, query, headers...)
	s := &stream{t: c.t, events: make(chan pushed), cancel: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.events)
		defer func() { _ = body.Close() }()
		_ = readEvents(body, func(e pushed) bool {
			select {
			case s.events <- e:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	c.t.Cleanup(func() { cancel(); <-done })
	return s
}

func (c *client) openBody(ctx context.Context, query string, headers ...string) io.ReadCloser {
	c.t.Helper()
	body, err := c.tryOpen(ctx, query, headers...)
	if err != nil {
		c.t.Fatal(err)
	}
	return body
}

// tryOpen opens a stream whose failure the test can bear.
func (c *client) tryOpen(ctx context.Context, query string, headers ...string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", c.url+"/v1/events?"+query, http.NoBody)
	if err != nil {
		return nil, err
	}
	if c.AccessToken != "" {
		req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	}
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		return nil, &refusedStream{res.StatusCode, string(body)}
	}
	if res.ContentLength >= 0 { // busy: a stream has no length
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		return nil, errors.Join(&refusedStream{http.StatusServiceUnavailable, string(body)}, err)
	}
	return res.Body, nil
}

// refusedStream is an answer that is no stream, or one that is told busy.
type refusedStream struct {
	status int
	body   string
}

func (r *refusedStream) Error() string {
	return fmt.Sprintf("the stream was refused: %d %s", r.status, r.body)
}

// readEvents parses an event stream until it ends, its reader fails, or take has enough.
func readEvents(r io.Reader, take func(pushed) bool) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	var e pushed
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if e.name != "" && !take(e) {
				return nil
			}
			e = pushed{}
		}
	}
}

// next is the next event, whatever it is. The test fails when none comes.
func (s *stream) next() pushed {
	s.t.Helper()
	select {
	case e, open := <-s.events:
		if !open {
			s.t.Fatal("the stream ended")
		}
		e.check(s.t)
		if e.id != "" {
			s.lastID = e.id
		}
		return e
	case <-time.After(patience):
		s.t.Fatal("no event came")
	}
	panic("unreachable")
}

// expect takes the next event, which must have the name, and decodes its data into v unless that is nil.
func (s *stream) expect(name models.EventName, v any) pushed {
	s.t.Helper()
	e := s.next()
	if e.name != string(name) {
		s.t.Fatalf("wanted %s, got %v", name, e)
	}
	if v != nil {
		if err := e.into(v); err != nil {
			s.t.Fatal(err)
		}
	}
	return e
}

// skipTo takes events up to the first that has the name.
func (s *stream) skipTo(name models.EventName) pushed {
	s.t.Helper()
	for {
		if e := s.next(); e.name == string(name) {
			return e
		}
	}
}

// end wants the stream to end without another event.
func (s *stream) end() {
	s.t.Helper()
	select {
	case e, open := <-s.events:
		if open {
			s.t.Fatalf("wanted the end of the stream, got %v", e)
		}
	case <-time.After(patience):
		s.t.Fatal("the stream did not end")
	}
}
