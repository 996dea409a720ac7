package sse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

// retryDelay is the average time that a browser waits before it reconnects, in milliseconds. Each gets between half
// and one and a half times of it, so that after a restart they do not all come back at the same moment.
const retryDelay = 3000 // milliseconds

// tooManyStreamsRetry is when a user with too many streams may try again: one of them can end at any moment.
const tooManyStreamsRetry = 10 * time.Second

// openTimeout limits the database queries before a stream opens, once it is its turn.
const openTimeout = 10 * time.Second

// OpenRequest is a request to open a stream.
type OpenRequest struct {
	Caller models.Caller
	Cursor string  // the last event that the client has; "" for a new stream
	Rooms  []int64 // to be present in; rooms that the caller is not a member of are ignored
}

// startPoint is where a stream starts in the log, its first frames, and the rooms that it is present in from the start.
type startPoint struct {
	position int64
	frames   []byte
	present  map[int64]presenceInfo
}

// Open starts a stream on the connection of the request. It hijacks the connection from net/http, so that an idle
// stream needs none of its buffers and goroutines. If many are opened at the same time, it waits for its turn. If it
// returns an error, nothing has been written yet: the user has too many streams (rate_limited), the server is stopping,
// too many wait, or the database does not respond (unavailable).
func (h *Hub) Open(w http.ResponseWriter, r *http.Request, o OpenRequest) error {
	if err := errors.Join(h.checkAccepting(), h.CheckHealth()); err != nil { // before any query
		return err
	}
	if err := h.admit(r.Context(), o.Caller.UserID); err != nil {
		return err
	}
	// writing is set: Open is the writer until it starts one, so that all frames come after the response head.
	s := &Stream{
		hub: h, writing: true, id: h.newStreamID(), heartbeatSlot: rand.Uint64(),
		userID: o.Caller.UserID, sessionID: o.Caller.SessionID,
	}
	first := newReplay(s)
	first.holdsSlot = true
	started := false
	defer func() {
		if !started { // whatever the reason, including a panic
			first.releaseSlot()
		}
	}()
	b, err := h.prepare(r.Context(), first, o)
	if err != nil {
		return err
	}
	if err := h.register(s); err != nil {
		return err
	}
	defer h.goroutines.Done()
	defer func() {
		if !started {
			h.endStream(s)
		}
	}()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("hijack the connection: %w", err)
	}
	if err := s.setConn(conn); err != nil {
		// The connection has been hijacked, so an error response is not possible any more.
		h.logger.Info("the connection closed before the stream could start", "stream", s.id, "error", err)
		return nil
	}
	h.withLock(func() {
		for roomID, e := range b.present {
			h.enter(s, roomID, e)
		}
	})
	s.replayFrom(b.position)
	head := append(responseHead(w.Header()), b.frames...)
	h.goroutines.Go(func() { first.runFirst(head) })
	started = true
	return nil
}

// prepare makes the queries for a stream that is to be opened. They are few, and each is shared with other streams.
func (h *Hub) prepare(ctx context.Context, first *replay, o OpenRequest) (startPoint, error) {
	s := first.stream
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	b, err := h.findStart(ctx, s, o)
	if err != nil {
		return b, err
	}
	loaded, err := h.log.Visibility(ctx, o.Caller.UserID, b.position)
	if err != nil {
		return b, err
	}
	first.visibility = newVisibility(loaded)
	b.present = s.initialPresence(loaded, o.Rooms)
	// Checked after the start point is known: a log-out before it would not be replayed. One after it will be.
	return b, h.log.CheckSession(ctx, o.Caller)
}

// runFirst is runWriter for a new stream: it starts with the first replay, which holds a slot already. If the peer has
// not read what its connection was sent before, the head has to wait, and not with the slot.
func (r *replay) runFirst(head []byte) {
	s := r.stream
	n, err := s.tryWrite(head)
	if err == nil && n < len(head) {
		r.releaseSlot()
		err = s.write(head[n:])
	}
	if err != nil {
		r.releaseSlot()
		s.hub.endStream(s)
		return
	}
	r.run()
	s.runWriter(nil)
}

// findStart determines where the stream starts. If the log cannot be read from the cursor on, the first frames say so
// (resync). Then ready has no id: a client that loses the connection right after it comes back with the old cursor
// and gets the resync again.
func (h *Hub) findStart(ctx context.Context, s *Stream, o OpenRequest) (startPoint, error) {
	head, pruned, err := h.log.Bounds(ctx)
	if err != nil {
		return startPoint{}, err
	}
	s.openPosition = head
	b := startPoint{position: head, frames: retryFrame(retryDelay/2 + rand.N(int64(retryDelay)))}
	ready := models.Ready{StreamID: s.id, UserID: s.userID, ServerTime: models.Now()}
	if o.Cursor == "" {
		b.frames = append(b.frames, ephemeralFrame(h.cursor(head), models.EventReady, ready)...)
		return b, nil
	}
	position, err := h.resolveCursor(o.Cursor, head, pruned)
	var why cursorError
	if errors.As(err, &why) {
		b.frames = append(b.frames, ephemeralFrame("", models.EventReady, ready)...)
		b.frames = append(b.frames, h.resyncFrame(models.ResyncReason(why), head)...)
		return b, nil
	}
	ready.Resumed, b.position = true, position
	b.frames = append(b.frames, ephemeralFrame(h.cursor(position), models.EventReady, ready)...)
	return b, nil
}

// cursorError says why the log cannot be read from a cursor on.
type cursorError models.ResyncReason

func (e cursorError) Error() string { return string(e) }

func (h *Hub) resolveCursor(cursor string, head, pruned int64) (position int64, err error) {
	c, ok := models.ParseCursor(cursor)
	switch {
	case !ok, c.Epoch != h.log.Epoch(), c.Position > head:
		return 0, cursorError(models.ResyncUnknown)
	case c.Position < pruned:
		return 0, cursorError(models.ResyncExpired)
	}
	return c.Position, nil
}

// initialPresence returns those of the rooms that the caller was a member of when the stream opened. It also sets the
// mutes of the stream, because presence events are sent to it before it is attached.
func (s *Stream) initialPresence(loaded models.Visibility, rooms []int64) map[int64]presenceInfo {
	if len(rooms) == 0 || loaded.User.ID == 0 {
		return nil
	}
	s.mutes = newMutes(loaded.Now)
	present := map[int64]presenceInfo{}
	for _, m := range loaded.Spans {
		if m.To == 0 && m.From <= s.openPosition && slices.Contains(rooms, m.RoomID) {
			present[m.RoomID] = presenceInfo{user: loaded.User, subject: m.Subject}
		}
	}
	return present
}

// register adds the stream to the hub, so that a log-out finds it. It counts as a goroutine until Open returns.
func (h *Hub) register(s *Stream) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return stoppingError()
	}
	if err := h.CheckHealth(); err != nil {
		return err
	}
	if h.limits.Streams > 0 && len(h.users[s.userID]) >= h.limits.Streams {
		return &models.Error{
			Code:       models.CodeRateLimited,
			Message:    fmt.Sprintf("You have %d streams open, which is as many as one user may have.", h.limits.Streams),
			RetryAfter: tooManyStreamsRetry, Busy: models.BusyStreams,
		}
	}
	h.goroutines.Add(1)
	h.streamsOpened.Add(1)
	h.streams[s.id] = s
	if h.users[s.userID] == nil {
		h.userConnected(s.userID)
		h.users[s.userID] = map[*Stream]struct{}{}
	}
	h.users[s.userID][s] = struct{}{}
	return nil
}

// setConn gives the stream its connection. From here on it is closed with the stream, even after an error.
func (s *Stream) setConn(conn net.Conn) error {
	sock, err := newSocket(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errors.Join(net.ErrClosed, conn.Close())
	}
	s.conn = conn
	if err != nil {
		return err
	}
	s.socket = sock
	if err := sock.limitUnsent(); err != nil {
		return err
	}
	// Clears the deadlines of net/http. A session that was revoked in the meantime gets only its last frame.
	deadline := time.Time{}
	if s.lastFrame != nil {
		deadline = time.Now().Add(s.hub.lastFrameTimeout)
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	return s.hub.peers.watch(s)
}

// responseHead returns the head of the response. The body ends with the connection, so it needs no chunks.
func responseHead(h http.Header) []byte {
	h = h.Clone()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // otherwise nginx would buffer events
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var b byteWriter
	b = append(b, "HTTP/1.1 200 OK\r\n"...)
	_ = h.Write(&b) // never fails
	return append(b, "\r\n"...)
}

type byteWriter []byte

func (w *byteWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
