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
	// busQueue and busBytes limit the commits that wait to be published, and their data. The other nodes read a commit
	// that is dropped from the log.
	busQueue = 1024
	busBytes = 16 << 20
	// busMessageBytes is the approximate maximum size of the events in one NATS message. NATS accepts 1 MB by default;
	// one event is much smaller.
	busMessageBytes = 256 << 10
	// busTimeout is how long NATS may be silent before the connection is given up. busReconnectWait is the pause between
	// two attempts to connect.
	busTimeout       = 2 * time.Second
	busReconnectWait = 500 * time.Millisecond
)

// Bus wakes the other nodes sooner: it sends them events, over core NATS, that they would also find in the log.
// Losing, doubling or delaying them does no harm. Only typing is nowhere else. NATS may be unavailable at any time,
// also at the start.
type Bus struct {
	hub           *Hub
	conn          *nats.Conn
	logSubject    string // NATS subject of log events
	typingSubject string // NATS subject of typing events

	commits     chan []models.LogEntry
	typingQueue chan typingMessage
	stop        chan struct{}
	done        sync.WaitGroup

	queuedBytes             atomic.Int64 // of the data in commits
	sent, dropped, received atomic.Int64 // number of events
}

// typingMessage says that a user is typing in a room, with the frame for the streams in it.
type typingMessage struct {
	RoomID int64
	UserID int64
	Frame  []byte
}

// ConnectBus connects the hub's node over NATS with the nodes that share its database. url is one or several nats://
// URLs, separated by commas. It must be called before Run. Nodes of different databases may share NATS, because the
// subjects contain the database's epoch. Close disconnects.
func ConnectBus(h *Hub, url string) (*Bus, error) {
	b := &Bus{
		hub: h, logSubject: "parley." + h.log.Epoch() + ".log", typingSubject: "parley." + h.log.Epoch() + ".typing",
		commits: make(chan []models.LogEntry, busQueue), typingQueue: make(chan typingMessage, busQueue),
		stop: make(chan struct{}),
	}
	conn, err := nats.Connect(url, append(connectionLogging(h.logger),
		nats.Name("parley"), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(busReconnectWait), nats.ReconnectJitter(busReconnectWait, busReconnectWait),
		nats.Timeout(busTimeout),
		nats.PingInterval(busTimeout), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(busTimeout),
		// By the time NATS is back, the others have read the log.
		nats.ReconnectBufSize(-1))...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	b.conn = conn
	handlers := map[string]nats.MsgHandler{b.logSubject: b.receiveLog, b.typingSubject: b.receiveTyping}
	for subject, receive := range handlers {
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

// connectionLogging logs changes of the connection's state, but not every attempt to connect.
func connectionLogging(logger *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.Warn("disconnected from NATS; reading the events of other nodes from the database", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { logger.Info("reconnected to NATS", "server", c.ConnectedAddr()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { logger.Warn("NATS error", "error", err) }),
	}
}

// Connected reports whether NATS is connected.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }

// Traffic returns how many events this node has published, how many it dropped because NATS was unavailable or slow,
// and how many it has received from other nodes.
func (b *Bus) Traffic() (sent, dropped, received int64) {
	return b.sent.Load(), b.dropped.Load(), b.received.Load()
}

// Close publishes what is queued, as far as NATS takes it, and disconnects.
func (b *Bus) Close() {
	b.hub.commits.setPublisher(func([]models.LogEntry) {})
	close(b.stop)
	b.done.Wait()
	if b.conn.IsConnected() {
		_ = b.conn.FlushTimeout(busTimeout) // the others find it in the log
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

// publishTyping queues a typing event. It is dropped if NATS is slow.
func (b *Bus) publishTyping(roomID, userID int64, frame []byte) {
	select {
	case b.typingQueue <- typingMessage{RoomID: roomID, UserID: userID, Frame: frame}:
	default:
	}
}

// run publishes until Close, in a goroutine of its own, because publishing blocks when the connection hangs.
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

// sendLog publishes the events of one commit together with those that are queued, in as few messages as possible.
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

// send publishes content in MessagePack with the names of its Go fields. Nodes of two versions may run side by side:
// fields may be added, but never renamed.
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
		b.hub.logger.Warn("cannot decode a NATS message", "subject", m.Subject, "error", err)
		return
	}
	b.received.Add(int64(len(parcel)))
	b.hub.commits.add(parcel)
}

func (b *Bus) receiveTyping(m *nats.Msg) {
	var t typingMessage
	if err := msgpack.Unmarshal(m.Data, &t); err != nil {
		b.hub.logger.Warn("cannot decode a NATS message", "subject", m.Subject, "error", err)
		return
	}
	b.hub.deliverTyping(t.RoomID, t.UserID, t.Frame)
}
