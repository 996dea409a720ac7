package main

import (
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// gate is a way to a server that can be shut, as if the server were gone: what is under way is cut, and nothing new gets
// in.
type gate struct {
	t       *testing.T
	address string
	target  string

	mu       sync.Mutex
	listener net.Listener // nil while shut
	conns    map[net.Conn]bool
	passing  sync.WaitGroup
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, address: freeAddress(t), target: u.Host, conns: map[net.Conn]bool{}}
	g.open()
	t.Cleanup(g.shut)
	return g
}

func (g *gate) open() {
	g.t.Helper()
	l, err := net.Listen("tcp", g.address)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener = l
	g.passing.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			g.passing.Go(func() { g.pass(conn) })
		}
	})
}

func (g *gate) pass(conn net.Conn) {
	through, err := net.Dial("tcp", g.target)
	if err != nil {
		_ = conn.Close()
		return
	}
	g.keep(conn, through)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, through)
		_ = conn.Close()
	})
	_, _ = io.Copy(through, conn)
	_ = through.Close()
	back.Wait()
}

func (g *gate) keep(conns ...net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range conns {
		if g.listener == nil {
			_ = c.Close()
		}
		g.conns[c] = true
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	if g.listener != nil {
		_ = g.listener.Close()
		g.listener = nil
	}
	for c := range g.conns {
		_ = c.Close()
	}
	clear(g.conns)
	g.mu.Unlock()
	g.passing.Wait()
}

// unavailable wants an answer that tells its client to come back.
func (a *answer) unavailable() {
	a.t.Helper()
	if a.request.Method == "HEAD" {
		a.status(503)
	} else {
		a.problem(503, models.CodeUnavailable)
	}
	if seconds, err := strconv.Atoi(a.header("Retry-After")); err != nil || seconds < 1 {
		a.t.Errorf("%v\ncomes with Retry-After: %s", a, a.header("Retry-After"))
	}
}

// TestStorageGoesAndComesBack takes S3 away in all states of an upload and a download, and gives it back.
func TestStorageGoesAndComesBack(t *testing.T) {
	long(t)
	onEachDatabase(t, func(t *testing.T, database string) {
		b := newBucket(t)
		g := newGate(t, b.url.Query().Get("endpoint"))
		s := startServer(t, database, "--files", b.at("http://"+g.address))
		anna := newClient(t, s.url).newcomer("anna")
		room := anna.privateRoom()
		content := noise(3 * brokenPart)
		before := anna.upload(room.ID, "before.bin", "application/octet-stream", content)
		path, last := anna.begin(room.ID, len(content)), anna.begin(room.ID, 1000)
		anna.patch(path, 0, content[:1000]).status(204)
		anna.patch(last, 0, content[:999]).status(204)
		body, mediaType := form(t, part{"file", "notes.md", "text/markdown", "# Notes"})

		writer := anna.beginChunk(path, 1000, brokenPart+1, content[1000:1000+brokenPart])
		stores(t, b, int64(len(content))+1999+storedPart)
		g.shut()
		writer.write(content[1000+brokenPart : 1001+brokenPart])
		if status := writer.answer(); status != 503 {
			t.Errorf("who writes while the storage goes is answered %d", status)
		}
		anna.send("POST", roomPath(room.ID)+"/files?name=a", content[:10], "Content-Type", "text/plain").unavailable()
		anna.send("POST", roomPath(room.ID)+"/messages", body, "Content-Type", mediaType).unavailable()
		anna.content(before).unavailable()
		anna.headUpload(path).unavailable()
		anna.patch(path, 1000, content[1000:]).unavailable()
		anna.patch(last, 999, content[999:1000]).unavailable()
		another := anna.begin(room.ID, 10)
		get[models.File](anna, "/v1/files/"+before.ID)
		anna.call("GET", "/readyz", nil).status(200)

		g.open()
		if got := digestOf(anna.content(before).status(200).body); got != before.SHA256 {
			t.Errorf("what is downloaded has the digest %s", got)
		}
		offset := anna.offset(path)
		if offset < 1000+storedPart {
			t.Errorf("of %d bytes that were stored, %d are told of", 1000+storedPart, offset)
		}
		anna.isWhole(anna.patch(path, offset, content[offset:]).status(204), content)
		anna.isWhole(anna.patch(last, 999, content[999:1000]).status(204), content[:1000])
		anna.isWhole(anna.patch(another, 0, noise(10)).status(204), noise(10))
		anna.upload(room.ID, "after.bin", "application/octet-stream", content[:10])
	})
}
