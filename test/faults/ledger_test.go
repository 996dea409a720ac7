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
	ledgerClients = 12
	ledgerSends   = 14 // of each, so that one page holds the whole room
	ledgerTime    = 30 * time.Second
)

// A ledger is a small room whose every send and every reading of its history is noted with the time that it took. The
// model below says whether there is one order of them all that a single copy of the log could have given.
type ledger struct {
	*throng
	room    int64
	clients []*harness.Client

	mu         sync.Mutex
	operations []porcupine.Operation
	doubted    []porcupine.Operation // sends whose answer never came
}

// asked is what was asked: a send of a key, or, without one, a reading.
type asked struct{ key int64 }

// record is what was answered: the id of a message, or how many there were and which.
type record struct {
	count  int64
	digest uint64
}

// logModel is the log of one room: a send answers its place, a reading all that was sent before.
var logModel = porcupine.Model{
	Init: func() any { return record{digest: fnv.New64a().Sum64()} },
	Step: func(state, input, output any) (bool, any) {
		at, question, answered := state.(record), input.(asked), output.(record)
		if question.key == 0 {
			return answered == at, at
		}
		next := at.with(question.key)
		return answered.count == next.count, next
	},
	DescribeOperation: func(input, output any) string {
		if key := input.(asked).key; key != 0 {
			return fmt.Sprintf("send %d → message %d", key, output.(record).count)
		}
		return fmt.Sprintf("read → %d messages", output.(record).count)
	},
}

// with is the record after one more message.
func (r record) with(key int64) record {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %d", r.digest, key)
	return record{r.count + 1, h.Sum64()}
}

func recordOf(messages []models.Message) record {
	r := record{digest: fnv.New64a().Sum64()}
	for _, m := range messages {
		r = r.with(keyOf(m.Text))
	}
	return r
}

func (c *throng) openLedger() *ledger {
	l := &ledger{throng: c, room: c.newRoom("ledger")}
	for i := range ledgerClients {
		l.clients = append(l.clients, c.enlist(fmt.Sprintf("clerk-%d", i), []int64{l.room}))
	}
	return l
}

// keep lets the clients send and read until each has sent all that it may, or ctx is over.
func (l *ledger) keep(ctx context.Context) {
	var working sync.WaitGroup
	for i, c := range l.clients {
		working.Go(func() {
			for sends := 0; sends < ledgerSends && ctx.Err() == nil; {
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
func (l *ledger) send(i int, c *harness.Client) {
	key := l.nextKey(i)
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	op := porcupine.Operation{ClientId: i, Input: asked{key}, Call: time.Now().UnixNano()}
	a, err := c.AtServer(l.any().URL).TryCall(ctx, "POST", harness.RoomPath(l.room)+"/messages", models.NewMessage{Text: textWith(key)})
	op.Return = time.Now().UnixNano()
	var m models.Message
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || a.HTTP.StatusCode != http.StatusCreated || json.Unmarshal(a.Body, &m) != nil {
		l.doubted = append(l.doubted, op)
		return
	}
	op.Output = record{count: m.ID}
	l.operations = append(l.operations, op)
}

func (l *ledger) read(i int, c *harness.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	op := porcupine.Operation{ClientId: i, Input: asked{}, Call: time.Now().UnixNano()}
	a, err := c.AtServer(l.any().URL).TryCall(ctx, "GET", harness.RoomPath(l.room)+"/messages?limit=200", nil)
	op.Return = time.Now().UnixNano()
	var page models.Page[models.Message]
	if err != nil || a.HTTP.StatusCode != http.StatusOK || json.Unmarshal(a.Body, &page) != nil {
		return // a reading that was not answered says nothing
	}
	op.Output = recordOf(page.Items)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.operations = append(l.operations, op)
}

// audit wants one order of all operations. A send without an answer took place, at any time since, if its message is
// there at the end, and else not at all. Each such one is a client of its own: the one who made it went on.
func (l *ledger) audit() {
	page := read[models.Page[models.Message]](l.throng, l.any(), l.owner, harness.RoomPath(l.room)+"/messages?limit=200")
	ids := map[int64]int64{}
	for _, m := range page.Items {
		ids[keyOf(m.Text)] = m.ID
	}
	now := time.Now().UnixNano()
	for i, op := range l.doubted {
		if id := ids[op.Input.(asked).key]; id != 0 {
			op.ClientId, op.Output, op.Return = ledgerClients+i, record{count: id}, now
			l.operations = append(l.operations, op)
		}
	}
	l.operations = append(l.operations, porcupine.Operation{
		ClientId: ledgerClients + len(l.doubted), Input: asked{}, Output: recordOf(page.Items), Call: now, Return: now + 1,
	})
	switch porcupine.CheckOperationsTimeout(logModel, l.operations, ledgerTime) {
	case porcupine.Illegal:
		l.complain("room %d: there is no order in which one log could have answered its %d operations so", l.room, len(l.operations))
	case porcupine.Unknown:
		l.complain("room %d: no order of its %d operations was found in time", l.room, len(l.operations))
	case porcupine.Ok:
	}
}
