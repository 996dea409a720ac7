//go:build unix

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	checkClients = 12
	checkSends   = 14 // of each client, so that one page holds the whole room
	checkTime    = 30 * time.Second
)

// linearizability records every send to a small room and every read of its history, with start and end. logModel then
// decides whether one order of all these operations exists that a single copy of the log could have produced.
type linearizability struct {
	*workload
	room    int64
	clients []*harness.Client

	mu         sync.Mutex
	operations []porcupine.Operation
	doubted    []porcupine.Operation // sends without a response
}

// logRequest is the input of an operation: a send of a key, or a read if key is 0.
type logRequest struct{ key int64 }

// logState is the output of an operation and the state of the model: the number of messages, which is also the id of
// the last one, and a digest of their keys, which a send does not know.
type logState struct {
	count  int64
	digest uint64
}

// logModel is the log of one room: a send returns its position, a read returns all that was sent before.
var logModel = porcupine.Model{
	Init: func() any { return logState{digest: fnv.New64a().Sum64()} },
	Step: func(state, input, output any) (bool, any) {
		before, request, got := state.(logState), input.(logRequest), output.(logState)
		if request.key == 0 {
			return got == before, before
		}
		after := before.with(request.key)
		return got.count == after.count, after
	},
	DescribeOperation: func(input, output any) string {
		if key := input.(logRequest).key; key != 0 {
			return fmt.Sprintf("send %d → message %d", key, output.(logState).count)
		}
		return fmt.Sprintf("read → %d messages", output.(logState).count)
	},
}

// with returns the state after one more message.
func (r logState) with(key int64) logState {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %d", r.digest, key)
	return logState{r.count + 1, h.Sum64()}
}

func logStateOf(messages []models.Message) logState {
	r := logState{digest: fnv.New64a().Sum64()}
	for _, m := range messages {
		r = r.with(keyOf(m.Text))
	}
	return r
}

func (c *workload) newLinearizability() *linearizability {
	l := &linearizability{workload: c, room: c.newRoom("ledger")}
	for i := range checkClients {
		l.clients = append(l.clients, c.addGuest(fmt.Sprintf("clerk-%d", i), []int64{l.room}))
	}
	return l
}

// record lets the clients send and read until each has sent checkSends messages, or ctx is cancelled.
func (l *linearizability) record(ctx context.Context) {
	var working sync.WaitGroup
	for i, c := range l.clients {
		working.Go(func() {
			for sends := 0; sends < checkSends && ctx.Err() == nil; {
				if rand.IntN(2) == 0 {
					sends++
					l.send(i, c)
				} else {
					l.read(i, c)
				}
				select {
				case <-time.After(rand.N(300 * time.Millisecond)):
				case <-ctx.Done():
				}
			}
		})
	}
	working.Wait()
}

// send makes one attempt. Without a response, only check can decide what became of the message.
func (l *linearizability) send(i int, c *harness.Client) {
	key := l.nextKey(i)
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	op := porcupine.Operation{ClientId: i, Input: logRequest{key}, Call: time.Now().UnixNano()}
	a, err := c.AtServer(l.anyNode().URL).TryCall(
		ctx, "POST", harness.RoomPath(l.room)+"/messages", models.NewMessage{Text: textWith(key)})
	op.Return = time.Now().UnixNano()
	var m models.Message
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || a.HTTP.StatusCode != http.StatusCreated || json.Unmarshal(a.Body, &m) != nil {
		l.doubted = append(l.doubted, op)
		return
	}
	op.Output = logState{count: m.ID}
	l.operations = append(l.operations, op)
}

func (l *linearizability) read(i int, c *harness.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	op := porcupine.Operation{ClientId: i, Input: logRequest{}, Call: time.Now().UnixNano()}
	a, err := c.AtServer(l.anyNode().URL).TryCall(ctx, "GET", harness.RoomPath(l.room)+"/messages?limit=200", nil)
	op.Return = time.Now().UnixNano()
	var page models.Page[models.Message]
	if err != nil || a.HTTP.StatusCode != http.StatusOK || json.Unmarshal(a.Body, &page) != nil {
		return // a read without a response shows nothing
	}
	op.Output = logStateOf(page.Items)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.operations = append(l.operations, op)
}

// check requires that one order of all operations exists. A send without a response happened at some time since, if its
// message exists at the end, and otherwise not at all. Each such send counts as a client of its own, since the client
// that made it continued with other operations.
func (l *linearizability) check() {
	path := harness.RoomPath(l.room) + "/messages?limit=200"
	page := read[models.Page[models.Message]](l.workload, l.anyNode(), l.owner, path)
	ids := map[int64]int64{}
	for _, m := range page.Items {
		ids[keyOf(m.Text)] = m.ID
	}
	now := time.Now().UnixNano()
	for i, op := range l.doubted {
		if id := ids[op.Input.(logRequest).key]; id != 0 {
			op.ClientId, op.Output, op.Return = checkClients+i, logState{count: id}, now
			l.operations = append(l.operations, op)
		}
	}
	l.operations = append(l.operations, porcupine.Operation{
		ClientId: checkClients + len(l.doubted), Input: logRequest{}, Output: logStateOf(page.Items),
		Call: now, Return: now + 1,
	})
	switch porcupine.CheckOperationsTimeout(logModel, l.operations, checkTime) {
	case porcupine.Illegal:
		l.reportFlaw("room %d: no order of its %d operations is possible with one log", l.room, len(l.operations))
	case porcupine.Unknown:
		l.reportFlaw("room %d: no order of its %d operations was found in time", l.room, len(l.operations))
	case porcupine.Ok:
	}
}
