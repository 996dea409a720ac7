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

// interruptibleProxy forwards TCP connections to a server. While it is stopped, the server seems unreachable: open
// connections are closed and new ones are refused.
type interruptibleProxy struct {
	t       *testing.T
	address string
	target  string

	mu       sync.Mutex
	listener net.Listener // nil while stopped
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

func newInterruptibleProxy(t *testing.T, target string) *interruptibleProxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &interruptibleProxy{t: t, address: harness.FreeAddress(t), target: u.Host, conns: map[net.Conn]bool{}}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *interruptibleProxy) start() {
	p.t.Helper()
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener = l
	p.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.forward(conn) })
		}
	})
}

func (p *interruptibleProxy) forward(conn net.Conn) {
	upstream, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = conn.Close()
		return
	}
	p.track(conn, upstream)
	var responses sync.WaitGroup
	responses.Go(func() {
		_, _ = io.Copy(conn, upstream)
		_ = conn.Close()
	})
	_, _ = io.Copy(upstream, conn)
	_ = upstream.Close()
	responses.Wait()
}

func (p *interruptibleProxy) track(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.listener == nil {
			_ = c.Close()
		}
		p.conns[c] = true
	}
}

func (p *interruptibleProxy) stop() {
	p.mu.Lock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
	p.mu.Unlock()
	p.running.Wait()
}

// expectUnavailable checks that the response is a 503 with Retry-After.
func expectUnavailable(a *harness.Response) {
	a.T.Helper()
	if a.Request.Method == "HEAD" {
		a.ExpectStatus(503)
	} else {
		a.ExpectProblem(503, models.CodeUnavailable)
	}
	if seconds, err := strconv.Atoi(a.Header("Retry-After")); err != nil || seconds < 1 {
		a.T.Errorf("%v\nhas the Retry-After %q, want a positive number of seconds", a, a.Header("Retry-After"))
	}
}

// TestUploadsSurviveStorageOutage interrupts the connection to S3 in all states of an upload and a download, and
// restores it.
func TestUploadsSurviveStorageOutage(t *testing.T) {
	harness.SkipIfShort(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		b := harness.NewBucket(t)
		proxy := newInterruptibleProxy(t, b.URL.Query().Get("endpoint"))
		s := harness.StartServer(t, database, "--files", b.AtEndpoint("http://"+proxy.address))
		anna := harness.NewClient(t, s.URL).NewGuest("anna")
		room := anna.CreatePrivateRoom()
		content := harness.RandomBytes(3 * partialBody)
		before := anna.UploadFile(room.ID, "before.bin", "application/octet-stream", content)
		path, nearlyComplete := anna.CreateUpload(room.ID, len(content)), anna.CreateUpload(room.ID, 1000)
		anna.PatchUpload(path, 0, content[:1000]).ExpectStatus(204)
		anna.PatchUpload(nearlyComplete, 0, content[:999]).ExpectStatus(204)
		body, mediaType := harness.EncodeForm(t,
			harness.FormPart{Field: "file", Name: "notes.md", MediaType: "text/markdown", Content: "# Notes"})

		writer := beginPatch(anna, path, 1000, partialBody+1, content[1000:1000+partialBody])
		waitUntilStored(t, b, int64(len(content))+1999+storedPrefix)
		proxy.stop()
		writer.write(content[1000+partialBody : 1001+partialBody])
		if status := writer.status(); status != 503 {
			t.Errorf("a writer got the status %d when the storage became unavailable, want 503", status)
		}
		expectUnavailable(anna.Send("POST", harness.RoomPath(room.ID)+"/files?name=a", content[:10], "Content-Type",
			"text/plain"))
		expectUnavailable(anna.Send("POST", harness.RoomPath(room.ID)+"/messages/form", body, "Content-Type", mediaType))
		expectUnavailable(anna.Download(before))
		expectUnavailable(anna.HeadUpload(path))
		expectUnavailable(anna.PatchUpload(path, 1000, content[1000:]))
		expectUnavailable(anna.PatchUpload(nearlyComplete, 999, content[999:1000]))
		created := anna.CreateUpload(room.ID, 10)
		harness.Get[models.File](anna, "/v1/files/"+before.ID)
		anna.Call("GET", "/readyz", nil).ExpectStatus(200)

		proxy.start()
		if got := harness.DigestOf(anna.Download(before).ExpectStatus(200).Body); got != before.SHA256 {
			t.Errorf("the download has the digest %s", got)
		}
		offset := anna.UploadOffset(path)
		if offset < 1000+storedPrefix {
			t.Errorf("%d bytes were stored, but the offset is %d", 1000+storedPrefix, offset)
		}
		expectComplete(anna, anna.PatchUpload(path, offset, content[offset:]).ExpectStatus(204), content)
		expectComplete(anna, anna.PatchUpload(nearlyComplete, 999, content[999:1000]).ExpectStatus(204), content[:1000])
		expectComplete(anna, anna.PatchUpload(created, 0, harness.RandomBytes(10)).ExpectStatus(204), harness.RandomBytes(10))
		anna.UploadFile(room.ID, "after.bin", "application/octet-stream", content[:10])
	})
}
