//go:build unix

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// messageSender sends messages at a steady rate, each with an idempotency key of its own, to random nodes.
type messageSender struct {
	*workload
	client  *harness.Client
	index   int
	rooms   []int64
	proxied bool
}

func newMessageSender(c *workload, i int) *messageSender {
	n := len(c.rooms)
	return &messageSender{workload: c, index: i, rooms: []int64{c.rooms[i%n], c.rooms[(i+n/2)%n]}, proxied: i%3 == 0}
}

// textWith returns the text of the message with a key; keyOf returns the key in a text, -1 if it has none.
func textWith(key int64) string { return fmt.Sprintf("%d. Is anybody there? Say something!", key) }

func keyOf(text string) int64 {
	number, _, _ := strings.Cut(text, ".")
	key, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return -1
	}
	return key
}

func (s *messageSender) run(ctx context.Context) {
	pace := time.Second * time.Duration(s.size.senders) / time.Duration(s.size.rate)
	select {
	case <-time.After(rand.N(pace)): // so that the senders do not all start at once
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.sendOne()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// sendOne sends a message. One in ten is given up if its first attempt fails; the others are repeated until they are
// acknowledged. Some are sent to two nodes at once, and some once more after they were acknowledged: because of the
// key, only one message may be stored.
func (s *messageSender) sendOne() {
	key := s.nextKey(s.index)
	room := s.rooms[rand.IntN(len(s.rooms))]
	retry := rand.IntN(10) > 0
	if retry && rand.IntN(50) == 0 {
		s.sendTwice(room, key)
		return
	}
	m, ok := s.send(room, key, retry)
	s.locked(func() {
		if ok {
			s.sent.acked[key] = messageID{room, m.ID}
		} else {
			s.sent.doubted[key] = room
		}
	})
	if ok && rand.IntN(20) == 0 {
		again, ok := s.send(room, key, true)
		s.compareRepeat(key, m, again, ok)
	}
}

func (s *messageSender) sendTwice(room, key int64) {
	var sending sync.WaitGroup
	var messages [2]models.Message
	var oks [2]bool
	for i := range messages {
		sending.Go(func() { messages[i], oks[i] = s.send(room, key, true) })
	}
	sending.Wait()
	s.locked(func() {
		if oks[0] {
			s.sent.acked[key] = messageID{room, messages[0].ID}
		}
	})
	s.compareRepeat(key, messages[0], messages[1], oks[0] && oks[1])
}

func (s *messageSender) compareRepeat(key int64, first, again models.Message, ok bool) {
	if ok && (again.ID != first.ID || again.CreatedAt != first.CreatedAt) {
		s.reportFlaw("room %d: key %d became message %d and, repeated with its key, message %d",
			first.RoomID, key, first.ID, again.ID)
	}
	s.locked(func() { s.sent.repeats++ })
}

// send sends one message. With retry, it repeats the request at random nodes until the message is acknowledged, for
// harness.Timeout at most.
func (s *messageSender) send(room, key int64, retry bool) (m models.Message, ok bool) {
	for deadline := time.Now().Add(harness.Timeout); time.Now().Before(deadline); {
		n := s.anyNode()
		ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
		a, err := s.client.AtServer(n.address(s.proxied)).TryCall(ctx, "POST", harness.RoomPath(room)+"/messages",
			models.NewMessage{Text: textWith(key)}, "Idempotency-Key", fmt.Sprintf("key-%d", key))
		cancel()
		switch {
		case err == nil && a.HTTP.StatusCode == http.StatusCreated:
			if err := (harness.Event{Data: string(a.Body)}).Decode(&m); err != nil {
				s.reportFlaw("%s returned %v", n.name, a)
			}
			return m, true
		case err == nil && a.HTTP.StatusCode != http.StatusServiceUnavailable:
			s.reportFlaw("%s refused key %d: %v", n.name, key, a)
			return m, false
		}
		s.recordFailure(n, a, err)
		if !retry {
			return m, false
		}
		pauseBriefly(context.Background())
	}
	s.reportFlaw("room %d: no node acknowledged key %d in time", room, key)
	return m, false
}

func (s *messageSender) recordFailure(n *clusterNode, a *harness.Response, err error) {
	why := fmt.Sprintf("at %s: %v", n.name, err)
	if err == nil {
		why = fmt.Sprintf("at %s: %v", n.name, a)
	}
	s.locked(func() {
		s.sent.retries++
		s.sent.failures = append(s.sent.failures, why)
	})
}
