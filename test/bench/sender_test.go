package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// marker is the last character of each message and occurs nowhere else on a stream, so that readers can count messages.
const marker = '~'

// manySenders is the number of concurrent senders that keep a server busy while its readers are measured.
const manySenders = 32

// sender sends one message after the other over one connection. It parses as little of the responses as possible,
// because the clients take their CPU time from the server that is measured.
type sender struct {
	conn      net.Conn
	responses *bufio.Reader
	request   []byte
}

// benchText is the text of the messages. It consists of words, since Parley indexes them.
const benchText = "The ferry leaves from the old harbour at seven, so bring a warm coat and some bread. " +
	"Nobody knows whether Thursday's concert starts before dusk; my brother phoned twice and " +
	"promised tickets for everyone who asks him early. "

// newSenders makes a sender for each of the first n members, with messages of a number of characters.
func newSenders(b *testing.B, url string, c chat, n, characters int) []*sender {
	b.Helper()
	text := strings.Repeat(benchText, 1+characters/len(benchText))[:characters-1] + string(marker)
	body, err := json.Marshal(models.NewMessage{Text: text})
	if err != nil {
		b.Fatal(err)
	}
	host := strings.TrimPrefix(url, "http://")
	senders := make([]*sender, n)
	for i := range senders {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		senders[i] = &sender{conn: conn, responses: bufio.NewReader(conn), request: fmt.Appendf(nil,
			"POST %s/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
				"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			harness.RoomPath(c.roomID), host, c.members[i].AccessToken, len(body), body)}
	}
	return senders
}

func closeSenders(senders []*sender) {
	for _, s := range senders {
		_ = s.conn.Close()
	}
}

// send sends a message and waits until it is acknowledged.
func (s *sender) send() error {
	if _, err := s.conn.Write(s.request); err != nil {
		return err
	}
	line, err := s.responses.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 201 ")) {
		return fmt.Errorf("got response %q to a message, want status 201", line)
	}
	length := 0
	for {
		if line, err = s.responses.ReadSlice('\n'); err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			_, err = s.responses.Discard(length)
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
}

// sendMessages lets the senders send n messages in total.
func sendMessages(b *testing.B, senders []*sender, n int) {
	b.Helper()
	var begun atomic.Int64
	sendWhile(b, senders, func() bool { return begun.Add(1) <= int64(n) })
}

func sendWhile(b *testing.B, senders []*sender, more func() bool) int64 {
	b.Helper()
	work := make([]func() error, len(senders))
	for i, s := range senders {
		work[i] = s.send
	}
	return workWhile(b, work, more)
}

// workWhile runs all workers concurrently, each again and again while more returns true, and returns the number of
// calls.
func workWhile(b *testing.B, workers []func() error, more func() bool) int64 {
	b.Helper()
	var done atomic.Int64
	var working sync.WaitGroup
	for _, work := range workers {
		working.Go(func() {
			for more() {
				if err := work(); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	working.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return done.Load()
}
