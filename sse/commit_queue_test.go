package sse

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

func positions(entries []models.LogEntry) (all []int64) {
	for _, e := range entries {
		all = append(all, e.Position)
	}
	return all
}

func entriesAt(positions ...int64) (entries []models.LogEntry) {
	for _, p := range positions {
		entries = append(entries, models.LogEntry{Position: p})
	}
	return entries
}

// TestContiguous puts events into order that the bus has lost, doubled or reordered.
func TestContiguous(t *testing.T) {
	for _, c := range []struct{ entries, run, rest []int64 }{
		{[]int64{6, 7, 8}, []int64{6, 7, 8}, nil},
		{[]int64{8, 6, 7, 6}, []int64{6, 7, 8}, nil},
		{[]int64{4, 5, 6}, []int64{6}, nil},
		{[]int64{9, 6, 8}, []int64{6}, []int64{8, 9}},
		{[]int64{7}, nil, []int64{7}},
		{nil, nil, nil},
	} {
		run, rest := contiguous(5, entriesAt(c.entries...))
		if !slices.Equal(positions(run), c.run) || !slices.Equal(positions(rest), c.rest) {
			t.Errorf("of %v after 5, %v are next and %v come later", c.entries, positions(run), positions(rest))
		}
	}
}

// TestCommitQueueOverflow adds more than fits, by number and by size: the queue says that it is incomplete, once.
func TestCommitQueueOverflow(t *testing.T) {
	for name, e := range map[string]models.LogEntry{
		"events": {Position: 1}, "bytes": {Position: 1, Data: make([]byte, commitQueueBytes/8)},
	} {
		q := NewCommitQueue()
		q.Committed([]models.LogEntry{e})
		if entries, whole := q.takeAll(); len(entries) != 1 || !whole {
			t.Errorf("%s: %d events, complete: %v", name, len(entries), whole)
		}
		for range commitQueueEvents + 1 {
			q.Committed([]models.LogEntry{e})
		}
		if entries, whole := q.takeAll(); len(entries) > commitQueueEvents || dataBytes(entries) > commitQueueBytes || whole {
			t.Errorf("%s: %d events, complete: %v", name, len(entries), whole)
		}
		if _, whole := q.takeAll(); !whole {
			t.Errorf("%s: the queue stays incomplete", name)
		}
	}
}

// TestGapsAreReadFromTheLog withholds commits from the hub's queue, doubles and reorders others: the log consumer reads
// the missing ones from the log, and the stream gets each event once.
func TestGapsAreReadFromTheLog(t *testing.T) {
	r := newRig(t, Limits{})
	ada := r.signUp("ada")
	room, _ := r.room(ada)
	p := r.watch(ada, room, "")
	r.attached()
	r.withhold.Store(true)
	var held []models.LogEntry
	for range 4 {
		r.send(ada, room, "held back")
		held = append(held, <-r.withheld)
	}
	r.withhold.Store(false)
	r.hub.commits.Committed([]models.LogEntry{held[3], held[1], held[3]})
	r.send(ada, room, "the last one")
	messages := messagesOf(p.until(t, "the last one"))
	if len(messages) != 5 {
		t.Errorf("%d messages came, want 5", len(messages))
	}
	for i, e := range messages {
		if !strings.HasPrefix(e.data, fmt.Sprintf(`{"id":%d,`, i+1)) {
			t.Errorf("%s came in place of message %d", e.data, i+1)
		}
	}
}
