package sse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
)

// sharedStore makes a hub believe that there may be other nodes on its database.
type sharedStore struct{ *store.Store }

func (sharedStore) Shared() bool { return true }

// TestDeadNode has another node publish its presence and then no heartbeats. Its users are online and present until the
// lease has expired. A node that continues its heartbeats stays.
func TestDeadNode(t *testing.T) {
	r := newRigOn(t, Limits{PresenceRoom: 500}, func(s *store.Store) Log { return sharedStore{s} })
	ada, bob, eve := r.signUp("ada"), r.signUp("bob"), r.signUp("eve")
	room, _ := r.room(ada, bob, eve)
	watcher := r.watch(ada, room, "")
	r.attached()
	publish := func(node string, l models.Login) {
		t.Helper()
		r.must(r.store.RegisterNode(t.Context(), node))
		at := models.Now()
		r.must(r.store.PublishPresence(t.Context(), models.PresenceUpdate{Node: node, Changes: []models.Presence{
			{User: models.UserRef{ID: l.User.ID}, Here: true, At: at},
			{RoomID: room, User: l.User.Ref(), Here: true, At: at},
		}}))
	}
	publish("DEADDEADDD", bob)
	publish("ALIVEALIVE", eve)
	r.send(ada, room, "both are here")
	if got := names(watcher.until(t, "both are here")); strings.Count(got, "presence.entered") != 3 { // ada's own is one
		t.Errorf("with users on other nodes came %q", got)
	}
	if got := r.hub.Present(room); len(got) != 3 {
		t.Errorf("present are %v", got)
	}
	now := time.Now()
	l := lease{hub: r.hub, now: func() time.Time { return now }}
	r.must(l.heartbeat(t.Context()))
	now = now.Add(leaseDuration)
	r.must(l.heartbeat(t.Context()))
	if got := r.hub.Present(room); len(got) != 3 {
		t.Errorf("before the lease has expired, present are %v", got)
	}
	_, err := r.store.Heartbeat(t.Context(), "ALIVEALIVE")
	r.must(err)
	now = now.Add(time.Second)
	r.must(l.heartbeat(t.Context()))
	events := watcher.until(t, `"username":"bob"`)
	for events[len(events)-1].name != "presence.left" {
		events = watcher.until(t, `"username":"bob"`)
	}
	if got := r.hub.Present(room); len(got) != 2 {
		t.Errorf("after the lease has expired, present are %v", got)
	}
	r.hub.CheckStreams(time.Now().Add(2 * offlineDelay))
	if r.hub.Online(bob.User.ID) || !r.hub.Online(eve.User.ID) {
		t.Errorf("online: bob %v, eve %v", r.hub.Online(bob.User.ID), r.hub.Online(eve.User.ID))
	}
	events = watcher.until(t, `"username":"bob"`)
	if e := events[len(events)-1]; e.name != "user.offline" {
		t.Errorf("when the node was dead, %v came", e)
	}
}

// presenceLog records the presence updates of a node that is alone. Nothing else may be asked of it.
type presenceLog struct {
	Log

	mu      sync.Mutex // guards what follows
	fails   bool
	failed  int
	updates []models.PresenceUpdate
}

func (l *presenceLog) PublishPresence(_ context.Context, update models.PresenceUpdate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails {
		l.failed++
		return errors.New("the database does not respond")
	}
	l.updates = append(l.updates, update)
	return nil
}

func (*presenceLog) Heartbeat(_ context.Context, node string) (map[string]int64, error) {
	return map[string]int64{node: 1}, nil
}

func (*presenceLog) RemoveNode(context.Context, string, int64, models.Time) error { return nil }

// TestPresenceIsPublishedTogether runs a lease in a bubble with its own clock. The first change is published at once.
// What changes in the pause after it is published together: of each user in a room the last change. Responses to other
// nodes do not wait, and no change before them is published later. What fails is tried again.
func TestPresenceIsPublishedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &presenceLog{}
		h := &Hub{
			log: log, logger: slog.New(slog.DiscardHandler), nodeID: "SELFSELFSE", presenceSignal: make(chan struct{}, 1),
			presenceChanges: map[presenceKey]models.Presence{}, streams: map[string]*Stream{},
		}
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go h.keepLease(ctx)
		change := func(userID int64, here bool) {
			h.mu.Lock()
			h.recordPresence(presenceKey{roomID: 1, userID: userID}, presenceInfo{}, here, time.Now())
			h.mu.Unlock()
			synctest.Wait()
		}
		expect := func(state string, want ...string) {
			t.Helper()
			log.mu.Lock()
			defer log.mu.Unlock()
			var got []string
			for _, u := range log.updates {
				got = append(got, describeUpdate(u))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %q was published, want %q", state, got, want)
			}
			log.updates = nil
		}
		after := func(d time.Duration) {
			time.Sleep(d) //nolint:forbidigo // the clock of the bubble
			synctest.Wait()
		}
		setFails := func(fails bool) (failed int) {
			log.mu.Lock()
			defer log.mu.Unlock()
			log.fails = fails
			return log.failed
		}

		change(1, true)
		expect("after the first change", "1 here")
		change(1, false)
		change(2, true)
		after(presenceInterval / 2)
		change(1, true)
		change(2, false)
		change(3, true)
		expect("in the pause")
		after(presenceInterval / 2)
		expect("after the pause", "1 here, 2 gone, 3 here")
		after(presenceInterval)
		expect("after a pause without changes")

		change(4, true)
		expect("after a long time", "4 here")
		change(4, false)
		h.mu.Lock()
		h.presenceRequests = append(h.presenceRequests, models.PresenceRequest{ID: "asked", StreamID: h.nodeID + "x"})
		h.signalPresence()
		h.mu.Unlock()
		synctest.Wait()
		expect("after a request of another node", "4 gone, response asked")

		after(presenceInterval)
		setFails(true)
		change(5, true)
		change(6, true)
		after(2 * presenceInterval)
		if failed := setFails(false); failed != 1 {
			t.Errorf("between two heartbeats, publishing was tried %d times, want 1", failed)
		}
		after(heartbeatInterval)
		expect("when publishing works again", "5 here, 6 here")
	})
}

// describeUpdate names the users of an update, in the order of their ids, and the responses.
func describeUpdate(u models.PresenceUpdate) string {
	var all []string
	for _, p := range u.Changes {
		state := "gone"
		if p.Here {
			state = "here"
		}
		all = append(all, fmt.Sprint(p.User.ID, " ", state))
	}
	slices.Sort(all)
	for _, r := range u.Responses {
		all = append(all, "response "+r.ID)
	}
	return strings.Join(all, ", ")
}

// TestWatchdog runs the watchdog in a bubble with its own clock: a node is partitioned when it has not read the log for
// partitionedAfter and there are other nodes, and until it reads the log again. Its streams end then, and not before.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hub{logger: slog.New(slog.DiscardHandler), streams: map[string]*Stream{}}
		stream := &Stream{hub: h}
		h.streams[stream.id] = stream
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go h.watchdog(ctx)
		after := func(d time.Duration, partitioned bool, state string) {
			t.Helper()
			time.Sleep(d) //nolint:forbidigo // the clock of the bubble
			synctest.Wait()
			if err := h.CheckHealth(); (err != nil) != partitioned {
				t.Errorf("%s, CheckHealth returns %v", state, err)
			} else if partitioned {
				requireCode(t, err, models.CodeUnavailable)
			}
		}
		after(2*partitionedAfter, false, "without other nodes")
		h.logRead.Store(true)
		after(pollInterval, false, "after the log was read")
		h.otherNodes.Store(1)
		after(partitionedAfter-pollInterval, false, "shortly before the timeout")
		if stream.hasEnded() {
			t.Error("the stream has ended shortly before the timeout")
		}
		after(pollInterval, true, "after the timeout")
		if !bytes.HasPrefix(stream.lastFrame, []byte("event: server.closing\n")) {
			t.Errorf("after the timeout, the last event of the stream is %q", stream.lastFrame)
		}
		h.logRead.Store(true)
		after(pollInterval, false, "when the log is read again")
	})
}
