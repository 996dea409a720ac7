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
	checkSends   = 14 // of each, so that one page holds the whole room
	checkTime    = 30 * time.Second
)

// The linearizability check is a small room whose every send and every reading of its history is noted with the time
// that it took. The model below says whether there is one order of them all that a single copy of the log could have
// given.
type linearizability struct {
	*workload
	room    int64
	clients []*harness.Client

	mu         sync.Mutex
	operations []porcupine.Operation
	doubted    []porcupine.Operation // sends whose answer never came
}

// logRequest is what was asked: a send of a key, or, without one, a reading.
type logRequest struct{ key int64 }

// logState is what was answered: the id of a message, or how many there were and which.
type logState struct {
	count  int64
	digest uint64
}

// logModel is the log of one room: a send answers its place, a reading all that was sent before.
var logModel = porcupine.Model{
	Init: func() any { return logState{digest: fnv.New64a().Sum64()} },
	Step: func(state, input, output any) (bool, any) {
		at, question, answered := state.(logState), input.(logRequest), output.(logState)
		if question.key == 0 {
			return answered == at, at
		}
		next := at.with(question.key)
		return answered.count == next.count, next
	},
	DescribeOperation: func(input, output any) string {
		if key := input.(logRequest).key; key != 0 {
			return fmt.Sprintf("send %d → message %d", key, output.(logState).count)
		}
		return fmt.Sprintf("read → %d messages", output.(logState).count)
	},
}

// with is the record after one more message.
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

// record lets the clients send and read until each has sent all that it may, or ctx is over.
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

// send makes one attempt: what its answer would have been is for the end to tell, if it does not come.
func (l *linearizability) send(i int, c *harness.Client) {
	key := l.nextKey(i)
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	op := porcupine.Operation{ClientId: i, Input: logRequest{key}, Call: time.Now().UnixNano()}
	a, err := c.AtServer(l.anyNode().URL).TryCall(ctx, "POST", harness.RoomPath(l.room)+"/messages", models.NewMessage{Text: textWith(key)})
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
		return // a reading that was not answered says nothing
	}
	op.Output = logStateOf(page.Items)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.operations = append(l.operations, op)
}

// check wants one order of all operations. A send without an answer took place, at any time since, if its message is
// there at the end, and else not at all. Each such one is a client of its own: the one who made it went on.
func (l *linearizability) check() {
	page := read[models.Page[models.Message]](l.workload, l.anyNode(), l.owner, harness.RoomPath(l.room)+"/messages?limit=200")
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
		ClientId: checkClients + len(l.doubted), Input: logRequest{}, Output: logStateOf(page.Items), Call: now, Return: now + 1,
	})
	switch porcupine.CheckOperationsTimeout(logModel, l.operations, checkTime) {
	case porcupine.Illegal:
		l.reportFlaw("room %d: there is no order in which one log could have answered its %d operations so", l.room, len(l.operations))
	case porcupine.Unknown:
		l.reportFlaw("room %d: no order of its %d operations was found in time", l.room, len(l.operations))
	case porcupine.Ok:
	}
}
