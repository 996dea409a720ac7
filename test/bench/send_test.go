package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	// In each round Parley and the bare loop take so many turns of sendSpell each: short ones, since the speed of a disk
	// changes from one second to the next. sendWarmUp is before the first.
	sendTurns  = 3
	sendTime   = 500 * time.Millisecond
	sendWarmUp = 300 * time.Millisecond
	// sendCharacters is how long a message is, or a few less.
	sendCharacters = 200
)

// benchSend measures the messages that are acknowledged per second, each to a client that waits for it before it sends
// the next, beside a loop that commits the same rows through the same driver in groups of the same size.
func benchSend(b *testing.B, t *table) {
	for _, d := range benchDatabases() {
		for _, senders := range []int{1, 32, 256} {
			b.Run(fmt.Sprintf("%s/senders=%d", d.name, senders), func(b *testing.B) { d.compareSends(b, t, senders) })
		}
	}
}

func (d benchDatabase) compareSends(b *testing.B, t *table, n int) {
	s := harness.StartServer(b, d.make(b), "--rate-limit", "off")
	senders := calls(newTextSenders(b, newChat(b, s.URL, n)))
	database := d.make(b)
	bare := newBareLoop(newChatIn(b, database, n), d.bare(b, database))
	workFor(b, senders, sendWarmUp)
	bare.commitFor(b, 1, sendWarmUp)

	var rates pair
	var sizes, plain series
	for b.Loop() {
		var parley, beside, size float64
		for range sendTurns {
			rate, mean := sendCounted(b, s, senders)
			parley += rate / sendTurns
			size += mean / sendTurns
			runtime.GC()
			beside += bare.commitFor(b, mean, sendTime) / sendTurns
		}
		rates.add(parley, beside)
		sizes = append(sizes, size)
		bare.rows.searchable = false
		plain = append(plain, bare.commitFor(b, size, sendTime))
		bare.rows.searchable = true
	}
	rates.report(b, "parley-msgs/s", "bare-msgs/s", "parley/bare")
	b.ReportMetric(plain.median(), "bare-unfound-msgs/s")
	b.ReportMetric(sizes.median(), "msgs/group")
	t.addWithGoal(fmt.Sprintf("messages acknowledged per second, %s, %d at a time", d.title, n), rates,
		fmt.Sprintf("bare loop in groups of %.1f", sizes.median()), whole, atLeast(0.5, 0.8))
}

// sendTexts are what is said in turn, by Parley's clients and by the bare loop.
var sendTexts = sync.OnceValue(func() []string {
	texts, c := make([]string, 4096), newTextGenerator()
	for i := range texts {
		texts[i] = c.text(sendCharacters)
	}
	return texts
})

// newTextSenders makes a caller for each member of the chat, who says the texts between them in turn.
func newTextSenders(b *testing.B, c chat) []*caller {
	b.Helper()
	var said atomic.Int64
	bodies := make([][]byte, len(sendTexts()))
	for i, text := range sendTexts() {
		body, err := json.Marshal(models.NewMessage{Text: text})
		if err != nil {
			b.Fatal(err)
		}
		bodies[i] = body
	}
	talkers := make([]*caller, len(c.members))
	for i, m := range c.members {
		head := requestBytes(m, "POST", harness.RoomPath(c.roomID)+"/messages", nil)
		head = append(bytes.TrimSuffix(head, []byte("\r\n")), "Content-Type: application/json\r\nContent-Length: "...)
		request := slices.Clone(head)
		talkers[i] = newCaller(b, m.URL, "201", func() []byte {
			body := bodies[said.Add(1)%int64(len(bodies))]
			request = strconv.AppendInt(request[:len(head)], int64(len(body)), 10)
			request = append(append(request, "\r\n\r\n"...), body...)
			return request
		})
	}
	return talkers
}

// sendCounted lets all senders send for a turn. size is how many of their messages a commit held, in the mean.
func sendCounted(b *testing.B, s *harness.Server, senders []func() error) (rate, size float64) {
	b.Helper()
	runtime.GC()
	groupsBefore, messagesBefore := s.Store.SendBatches()
	rate = workFor(b, senders, sendTime)
	groups, messages := s.Store.SendBatches()
	return rate, float64(messages-messagesBefore) / float64(groups-groupsBefore)
}
