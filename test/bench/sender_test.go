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

// marker ends the text of each message and is nowhere else on a stream, so that a reader counts messages by it.
const marker = '~'

// manySenders keep a server busy whose readers are measured: so many sends are under way at any time.
const manySenders = 32

// sender sends one message after the other over a connection that it keeps. It parses no more of the answers than it
// must: what a client takes of the machine, the server beside it goes without.
type sender struct {
	conn    net.Conn
	answers *bufio.Reader
	request []byte
}

// benchText is what the messages say: words, since Parley makes messages findable by them.
const benchText = "The ferry leaves from the old harbour at seven, so bring a warm coat and some bread. Nobody knows whether " +
	"Thursday's concert starts before dusk; my brother phoned twice and promised tickets for everyone who asks him early. "

// newSenders makes a sender for each of the first n members, whose messages have so many characters.
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
		senders[i] = &sender{conn: conn, answers: bufio.NewReader(conn), request: fmt.Appendf(nil,
			"POST %s/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
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
	line, err := s.answers.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 201 ")) {
		return fmt.Errorf("a message was answered %q", line)
	}
	length := 0
	for {
		if line, err = s.answers.ReadSlice('\n'); err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			_, err = s.answers.Discard(length)
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
}

// sendMessages lets the senders send n messages between them.
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

// workWhile has all workers work side by side, again and again, and answers how often they did.
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
