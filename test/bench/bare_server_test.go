package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// bareServerVariable names the variable that makes BenchmarkBareServer serve, at the address in the variable.
const bareServerVariable = "PARLEY_BENCH_BARE"

// bareServer is a minimal server of streams: it takes the connections over from net/http, keeps nothing else of them,
// and writes prepared bytes to all of them in a loop. It has no users, no rooms and no log, and it blocks when a
// socket's buffer is full.
type bareServer struct {
	b      *testing.B
	mu     sync.Mutex
	conns  map[string][]net.Conn // by room
	pieces [][]byte              // each is one write
	loop   *bareLoop
}

// bareChat is the database of Parley and the room to which messages are committed.
type bareChat struct {
	Database string           `json:"database"`
	RoomID   int64            `json:"room_id"`
	LastID   int64            `json:"last_id"` // of the room's newest message
	Members  []models.Session `json:"members"`
}

// BenchmarkBareServer measures nothing: it serves until SIGTERM, in a process of its own, for another benchmark. It is
// a benchmark so that it can use bareLoop.
func BenchmarkBareServer(b *testing.B) {
	address := os.Getenv(bareServerVariable)
	if address == "" {
		b.Skip(bareServerVariable + " is not set")
	}
	ctx, stop := signal.NotifyContext(b.Context(), syscall.SIGTERM)
	defer stop()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	s := bareServer{b: b, conns: map[string][]net.Conn{}}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /v1/events", s.open)
	routes.HandleFunc("POST /v1/rooms/{room}/messages", s.send)
	routes.HandleFunc("PUT /chat", s.setChat)
	routes.HandleFunc("PUT /pieces", s.setPieces)
	routes.HandleFunc("POST /deliveries", s.deliver)
	times := deadline.Default()
	server := http.Server{Handler: routes, ReadHeaderTimeout: times.Head, IdleTimeout: times.Idle}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // until it is closed
	fmt.Println("\nThe bare server is ready.")
	<-ctx.Done()
	_ = server.Close()
	serving.Wait()
	for _, conns := range s.conns {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
}

// open takes over a stream's connection.
func (s *bareServer) open(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	room := r.FormValue("room")
	s.conns[room] = append(s.conns[room], conn)
}

// setChat sets the chat that messages are committed to.
func (s *bareServer) setChat(w http.ResponseWriter, r *http.Request) {
	var in bareChat
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		replyError(w, err)
		return
	}
	c := chat{roomID: in.RoomID}
	for _, session := range in.Members {
		c.members = append(c.members, &harness.Client{Session: session})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loop = newBareLoop(c, openBareSQLite(s.b, in.Database))
	s.loop.rows.lastID = in.LastID
}

// send commits a message and writes the first piece to all streams of a room.
func (s *bareServer) send(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(err, s.loop.commit(1), writeTo(s.conns[r.PathValue("room")], s.pieces[0])); err != nil {
		replyError(w, err)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// setPieces sets the frames that are written, and how many of them are written together.
func (s *bareServer) setPieces(w http.ResponseWriter, r *http.Request) {
	together, err := strconv.Atoi(r.FormValue("together"))
	frames, failed := io.ReadAll(r.Body)
	if err := errors.Join(err, failed); err != nil {
		replyError(w, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pieces = nil
	ends := bytes.SplitAfter(frames, []byte("\n\n"))
	for group := range slices.Chunk(ends[:len(ends)-1], together) { // the part after the last separator is empty
		s.pieces = append(s.pieces, bytes.Join(group, nil))
	}
}

// deliver writes the pieces in a cycle to all streams for a duration, and responds with the number of pieces written.
func (s *bareServer) deliver(w http.ResponseWriter, r *http.Request) {
	duration, err := time.ParseDuration(r.FormValue("for"))
	if err != nil {
		replyError(w, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for start := time.Now(); time.Since(start) < duration; written++ {
		if err := s.writeAll(s.pieces[written%len(s.pieces)]); err != nil {
			replyError(w, err)
			return
		}
	}
	fmt.Fprint(w, written)
}

// replyError responds with an error, and prints it for the process that started the server.
func replyError(w http.ResponseWriter, err error) {
	fmt.Fprintln(os.Stderr, err)
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

func (s *bareServer) writeAll(piece []byte) error {
	for _, conns := range s.conns {
		if err := writeTo(conns, piece); err != nil {
			return err
		}
	}
	return nil
}

func writeTo(conns []net.Conn, piece []byte) error {
	for _, conn := range conns {
		if _, err := conn.Write(piece); err != nil {
			return err
		}
	}
	return nil
}
