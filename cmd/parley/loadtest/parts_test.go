package loadtest

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNumberSet compares the set with a map, for numbers in any order.
func TestNumberSet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var have, want numberSet
		has, wants := map[uint32]bool{}, map[uint32]bool{}
		add := func(s *numberSet, m map[uint32]bool, n uint32) {
			if isNew := s.add(n); isNew == m[n] {
				t.Fatalf("add(%d) returned %t", n, isNew)
			}
			m[n] = true
		}
		whole := rapid.Uint32Range(0, 300).Draw(t, "whole")
		for n := range whole {
			add(&have, has, n)
		}
		for _, n := range rapid.SliceOf(rapid.Uint32Range(0, 400)).Draw(t, "have") {
			add(&have, has, n)
		}
		for _, n := range rapid.SliceOf(rapid.Uint32Range(0, 400)).Draw(t, "want") {
			add(&want, wants, n)
		}
		lacks := int64(0)
		for n := range wants {
			if !has[n] {
				lacks++
			}
		}
		if got := have.lacks(&want); got != lacks {
			t.Fatalf("got %d missing numbers, want %d", got, lacks)
		}
	})
}

// TestCorrected: one send in a hundred took ten intervals, in which nine more messages would have been sent.
func TestCorrected(t *testing.T) {
	t.Parallel()
	h := newLatencyHistogram()
	for range 99 {
		recordLatency(h, time.Millisecond)
	}
	recordLatency(h, 100*time.Millisecond)
	c := corrected(h, 10*time.Millisecond)
	if c.TotalCount() != 109 {
		t.Errorf("got %d values, want 109", c.TotalCount())
	}
	for quantile, want := range map[float64]time.Duration{
		50: time.Millisecond, 95: 50 * time.Millisecond, 100: 100 * time.Millisecond,
	} {
		got := time.Duration(c.ValueAtQuantile(quantile)) * time.Microsecond
		if got < want-want/100 || got > want+want/100 {
			t.Errorf("quantile %g %%: got %v, want %v", quantile, got, want)
		}
	}
}

// TestMarks: marks are found at any place in events, and nothing else is mistaken for a mark.
func TestMarks(t *testing.T) {
	t.Parallel()
	marker := []byte("~abcdefgh~")
	messages := newMessages(string(marker), 40)
	first, second := mark{7, 3 * time.Second}, mark{1 << 31, 5}
	events := []byte("id: e-1\nevent: message.created\ndata: ~abcdefgh~but not hexadecimal digits\n\n")
	events = append(events, messages.body(first)...)
	events = append(append(events, "\n\n"...), messages.body(second)...)
	var found []mark
	for m, rest, ok := nextMark(events, marker); ok; m, rest, ok = nextMark(rest, marker) {
		found = append(found, m)
	}
	if len(found) != 2 || found[0] != first || found[1] != second {
		t.Errorf("got marks %v, want %v and %v", found, first, second)
	}
	if _, _, ok := nextMark(events[len(events)-20:], marker); ok {
		t.Error("an incomplete mark was found")
	}
}

// TestStreamTakesCompleteEventsOnly: wherever reads split the bytes of a stream, each message counts once its event is
// complete, and the id to resume with is that of the last complete event.
func TestStreamTakesCompleteEventsOnly(t *testing.T) {
	t.Parallel()
	run := Config{Size: 5}.newRun()
	run.setWindow(0, time.Hour)
	event := func(id string, number uint32) string {
		return "id: " + id + "\nevent: message.created\ndata: " + string(run.messages.body(mark{number, 0})) + "\n\n"
	}
	stream := "retry: 3000\n\nid: e-1\nevent: ready\ndata: {}\n\n" + event("e-2", 0) + ":\n\n" + event("e-3", 1) +
		event("e-4", 2) + "event: typing\ndata: {}\n\n"
	for cut := range len(stream) {
		s := &eventStream{run: run, group: &listenerGroup{arrival: newLatencyHistogram()}}
		held := ""
		for _, piece := range []string{stream[:cut], stream[cut:]} {
			held += piece
			whole := wholeEvents([]byte(held))
			s.take([]byte(held[:whole]), 0)
			held = held[whole:]
		}
		if s.group.deliveries != 3 || s.group.doubled != 0 || string(s.lastID) != "e-4" || held != "" {
			t.Errorf("cut after %d: %+v, last id %q, %q left", cut, s.group.arrivals, s.lastID, held)
		}
	}
}
