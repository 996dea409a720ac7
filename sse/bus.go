package sse

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/parley-chat/parley/models"
)

const (
	// busQueue and busBytes bound the commits that wait to be published, and their data. One that finds no room is found in
	// the log by the others.
	busQueue = 1024
	busBytes = 16 << 20
	// busParcel is about how many bytes of events go into one NATS message; servers take 1 MB if they are not told
	// otherwise, and one event is far smaller.
	busMessageBytes = 256 << 10
	// busSilence is after what time without an answer a connection to NATS is given up for another, and busWait the time
	// between two tries to connect.
	busTimeout       = 2 * time.Second
	busReconnectWait = 500 * time.Millisecond
)

// Bus tells the other nodes sooner what they would find in the log anyhow, over core NATS. It carries no truth: what is
// lost on it, or comes twice or late, does no harm. Only typing is nowhere else. NATS may be away, also at the start.
type Bus struct {
	hub           *Hub
	conn          *nats.Conn
	logSubject    string // the subject for events of the log
	typingSubject string // the subject for who is typing

	commits     chan []models.LogEntry
	typingQueue chan typingMessage
	stop        chan struct{}
	done        sync.WaitGroup

	queuedBytes             atomic.Int64 // bytes of data in commits
	sent, dropped, received atomic.Int64 // events
}

// typed is that a user is typing in a room: the frame for those in it.
type typingMessage struct {
	RoomID int64
	UserID int64
	Frame  []byte
}

// Join connects the hub's node with those that share its database, over the NATS servers at url (nats://…, several
// separated by commas). It is called before Run. Nodes of different databases may share NATS: the subjects name the
// database's epoch. Close leaves.
func Join(h *Hub, url string) (*Bus, error) {
	b := &Bus{
		hub: h, logSubject: "parley." + h.log.Epoch() + ".log", typingSubject: "parley." + h.log.Epoch() + ".typing",
		commits: make(chan []models.LogEntry, busQueue), typingQueue: make(chan typingMessage, busQueue), stop: make(chan struct{}),
	}
	conn, err := nats.Connect(url, append(connectionLogging(h.logger),
		nats.Name("parley"), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(busReconnectWait), nats.ReconnectJitter(busReconnectWait, busReconnectWait), nats.Timeout(busTimeout),
		nats.PingInterval(busTimeout), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(busTimeout),
		// What was published while NATS was away has been read from the log by the time it is back.
		nats.ReconnectBufSize(-1))...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	b.conn = conn
	for subject, receive := range map[string]nats.MsgHandler{b.logSubject: b.receiveLog, b.typingSubject: b.receiveTyping} {
		if _, err := conn.Subscribe(subject, receive); err != nil {
			conn.Close()
			return nil, fmt.Errorf("subscribe to NATS: %w", err)
		}
	}
	h.bus = b
	h.commits.setPublisher(b.publish)
	b.done.Go(b.run)
	return b, nil
}

// notices log what becomes of the connection. It is told once how it goes, not with every try.
func connectionLogging(logger *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.Warn("NATS is away; other nodes' events come from the database until it is back", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { logger.Info("NATS is back", "server", c.ConnectedAddr()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { logger.Warn("NATS complains", "error", err) }),
	}
}

// Connected reports whether NATS is there.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }

// Traffic tells how many events this node published, how many it left to the log because NATS was away or slow, and how
// many came from other nodes.
func (b *Bus) Traffic() (sent, dropped, received int64) {
	return b.sent.Load(), b.dropped.Load(), b.received.Load()
}

// Close leaves. What is still waiting is published first, as far as NATS takes it.
func (b *Bus) Close() {
	b.hub.commits.setPublisher(func([]models.LogEntry) {})
	close(b.stop)
	b.done.Wait()
	if b.conn.IsConnected() {
		_ = b.conn.FlushTimeout(busTimeout) // the log has it anyhow
	}
	b.conn.Close()
}

// publish queues the events of a commit.
func (b *Bus) publish(entries []models.LogEntry) {
	size := int64(dataBytes(entries))
	if b.queuedBytes.Add(size) <= busBytes {
		select {
		case b.commits <- entries:
			return
		default:
		}
	}
	b.queuedBytes.Add(-size)
	b.dropped.Add(int64(len(entries)))
}

// tellTyping queues that somebody is typing; those on other nodes do without when NATS is slow.
func (b *Bus) publishTyping(roomID, userID int64, frame []byte) {
	select {
	case b.typingQueue <- typingMessage{RoomID: roomID, UserID: userID, Frame: frame}:
	default:
	}
}

// run publishes until Close. It has a goroutine because a connection that is stuck blocks whoever writes to it.
func (b *Bus) run() {
	for {
		select {
		case entries := <-b.commits:
			b.sendLog(entries)
		case t := <-b.typingQueue:
			_ = b.send(b.typingSubject, t)
		case <-b.stop:
			for len(b.commits) > 0 {
				b.sendLog(<-b.commits)
			}
			return
		}
	}
}

// sendLog publishes the events of one commit together with those that wait behind it, in as few messages as fit.
func (b *Bus) sendLog(entries []models.LogEntry) {
	var parcel []models.LogEntry
	size := 0
	for {
		b.queuedBytes.Add(-int64(dataBytes(entries)))
		for _, e := range entries {
			parcel = append(parcel, e)
			if size += len(e.Data); size >= busMessageBytes {
				b.sendMessage(parcel)
				parcel, size = nil, 0
			}
		}
		select {
		case entries = <-b.commits:
		default:
			if len(parcel) > 0 {
				b.sendMessage(parcel)
			}
			return
		}
	}
}

func (b *Bus) sendMessage(parcel []models.LogEntry) {
	if err := b.send(b.logSubject, parcel); err != nil {
		b.dropped.Add(int64(len(parcel)))
		return
	}
	b.sent.Add(int64(len(parcel)))
}

// send publishes content in MessagePack, under the names of its Go fields: nodes of two versions may be side by side, so a
// field is added and never renamed.
func (b *Bus) send(subject string, content any) error {
	encoded, err := msgpack.Marshal(content)
	if err != nil {
		return err
	}
	return b.conn.Publish(subject, encoded)
}

func (b *Bus) receiveLog(m *nats.Msg) {
	var parcel []models.LogEntry
	if err := msgpack.Unmarshal(m.Data, &parcel); err != nil {
		b.hub.logger.Warn("what came over NATS is not of Parley", "subject", m.Subject, "error", err)
		return
	}
	b.received.Add(int64(len(parcel)))
	b.hub.commits.add(parcel)
}

func (b *Bus) receiveTyping(m *nats.Msg) {
	var t typingMessage
	if err := msgpack.Unmarshal(m.Data, &t); err != nil {
		b.hub.logger.Warn("what came over NATS is not of Parley", "subject", m.Subject, "error", err)
		return
	}
	b.hub.deliverTyping(t.RoomID, t.UserID, t.Frame)
}
