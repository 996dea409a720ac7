package files

import (
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// gate is a way to a server that can be shut, as if the server were gone: what is under way is cut, and nothing new
// gets in.
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
	g := &gate{t: t, address: harness.FreeAddress(t), target: u.Host, conns: map[net.Conn]bool{}}
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

// expectUnavailable wants an answer that tells its client to come back.
func expectUnavailable(a *harness.Response) {
	a.T.Helper()
	if a.Request.Method == "HEAD" {
		a.ExpectStatus(503)
	} else {
		a.ExpectProblem(503, models.CodeUnavailable)
	}
	if seconds, err := strconv.Atoi(a.Header("Retry-After")); err != nil || seconds < 1 {
		a.T.Errorf("%v\ncomes with Retry-After: %s", a, a.Header("Retry-After"))
	}
}

// TestStorageGoesAndComesBack takes S3 away in all states of an upload and a download, and gives it back.
func TestStorageGoesAndComesBack(t *testing.T) {
	harness.Long(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		b := harness.NewBucket(t)
		g := newGate(t, b.URL.Query().Get("endpoint"))
		s := harness.StartServer(t, database, "--files", b.AtEndpoint("http://"+g.address))
		anna := harness.NewClient(t, s.URL).NewGuest("anna")
		room := anna.CreatePrivateRoom()
		content := harness.RandomBytes(3 * brokenPart)
		before := anna.UploadFile(room.ID, "before.bin", "application/octet-stream", content)
		path, last := anna.CreateUpload(room.ID, len(content)), anna.CreateUpload(room.ID, 1000)
		anna.PatchUpload(path, 0, content[:1000]).ExpectStatus(204)
		anna.PatchUpload(last, 0, content[:999]).ExpectStatus(204)
		body, mediaType := harness.EncodeForm(t, harness.FormPart{Field: "file", Name: "notes.md", MediaType: "text/markdown", Content: "# Notes"})

		writer := beginChunk(anna, path, 1000, brokenPart+1, content[1000:1000+brokenPart])
		stores(t, b, int64(len(content))+1999+storedPart)
		g.shut()
		writer.write(content[1000+brokenPart : 1001+brokenPart])
		if status := writer.answer(); status != 503 {
			t.Errorf("who writes while the storage goes is answered %d", status)
		}
		expectUnavailable(anna.Send("POST", harness.RoomPath(room.ID)+"/files?name=a", content[:10], "Content-Type", "text/plain"))
		expectUnavailable(anna.Send("POST", harness.RoomPath(room.ID)+"/messages", body, "Content-Type", mediaType))
		expectUnavailable(anna.Download(before))
		expectUnavailable(anna.HeadUpload(path))
		expectUnavailable(anna.PatchUpload(path, 1000, content[1000:]))
		expectUnavailable(anna.PatchUpload(last, 999, content[999:1000]))
		another := anna.CreateUpload(room.ID, 10)
		harness.Get[models.File](anna, "/v1/files/"+before.ID)
		anna.Call("GET", "/readyz", nil).ExpectStatus(200)

		g.open()
		if got := harness.DigestOf(anna.Download(before).ExpectStatus(200).Body); got != before.SHA256 {
			t.Errorf("what is downloaded has the digest %s", got)
		}
		offset := anna.UploadOffset(path)
		if offset < 1000+storedPart {
			t.Errorf("of %d bytes that were stored, %d are told of", 1000+storedPart, offset)
		}
		expectComplete(anna, anna.PatchUpload(path, offset, content[offset:]).ExpectStatus(204), content)
		expectComplete(anna, anna.PatchUpload(last, 999, content[999:1000]).ExpectStatus(204), content[:1000])
		expectComplete(anna, anna.PatchUpload(another, 0, harness.RandomBytes(10)).ExpectStatus(204), harness.RandomBytes(10))
		anna.UploadFile(room.ID, "after.bin", "application/octet-stream", content[:10])
	})
}
