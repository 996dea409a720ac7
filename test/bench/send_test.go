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
	// In each round Parley and the bare loop take sendTurns turns of sendTime each. The turns are short, since the speed
	// of a disk changes from one second to the next. sendWarmUp precedes the first turn.
	sendTurns  = 3
	sendTime   = 500 * time.Millisecond
	sendWarmUp = 300 * time.Millisecond
	// sendCharacters is the maximum length of a message; most are a few characters shorter.
	sendCharacters = 200
)

// benchSend measures how many messages per second are acknowledged, to clients that each wait for the acknowledgement
// before the next send. It compares them with a loop that commits the same rows through the same driver in groups of
// the same mean size.
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
		var parley, baseline, size float64
		for range sendTurns {
			rate, mean := sendCounted(b, s, senders)
			parley += rate / sendTurns
			size += mean / sendTurns
			runtime.GC()
			baseline += bare.commitFor(b, mean, sendTime) / sendTurns
		}
		rates.add(parley, baseline)
		sizes = append(sizes, size)
		bare.rows.searchable = false
		plain = append(plain, bare.commitFor(b, size, sendTime))
		bare.rows.searchable = true
	}
	rates.report(b, "parley-msgs/s", "bare-msgs/s", "parley/bare")
	b.ReportMetric(plain.median(), "bare-unindexed-msgs/s")
	b.ReportMetric(sizes.median(), "msgs/group")
	t.addWithGoal(fmt.Sprintf("messages acknowledged per second, %s, %d at a time", d.title, n), rates,
		fmt.Sprintf("bare loop in groups of %.1f", sizes.median()), whole, atLeast(0.5, 0.8))
}

// sendTexts returns the texts of the messages, in turn, both for Parley's clients and for the bare loop.
var sendTexts = sync.OnceValue(func() []string {
	texts, c := make([]string, 4096), newTextGenerator()
	for i := range texts {
		texts[i] = c.text(sendCharacters)
	}
	return texts
})

// newTextSenders makes a caller for each member of the chat. Together they send the texts in turn.
func newTextSenders(b *testing.B, c chat) []*caller {
	b.Helper()
	var sent atomic.Int64
	bodies := make([][]byte, len(sendTexts()))
	for i, text := range sendTexts() {
		body, err := json.Marshal(models.NewMessage{Text: text})
		if err != nil {
			b.Fatal(err)
		}
		bodies[i] = body
	}
	senders := make([]*caller, len(c.members))
	for i, m := range c.members {
		head := requestBytes(m, "POST", harness.RoomPath(c.roomID)+"/messages", nil)
		head = append(bytes.TrimSuffix(head, []byte("\r\n")), "Content-Type: application/json\r\nContent-Length: "...)
		request := slices.Clone(head)
		senders[i] = newCaller(b, m.URL, "201", func() []byte {
			body := bodies[sent.Add(1)%int64(len(bodies))]
			request = strconv.AppendInt(request[:len(head)], int64(len(body)), 10)
			request = append(append(request, "\r\n\r\n"...), body...)
			return request
		})
	}
	return senders
}

// sendCounted lets all senders send for one turn. It returns the messages per second, and the mean number of messages
// in a commit.
func sendCounted(b *testing.B, s *harness.Server, senders []func() error) (rate, size float64) {
	b.Helper()
	runtime.GC()
	batchesBefore, messagesBefore := s.Store.SendBatches()
	rate = workFor(b, senders, sendTime)
	batches, messages := s.Store.SendBatches()
	return rate, float64(messages-messagesBefore) / float64(batches-batchesBefore)
}
