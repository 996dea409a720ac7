package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

const (
	clientFile = 200 << 20 // bytes
	clientKill = 80 << 20  // bytes of them after which the server is killed
	clientTime = 3 * time.Minute
)

// TestTusClient has tus-js-client upload a large file over connections that break every few megabytes. The server is
// killed on the way, and started again.
func TestTusClient(t *testing.T) {
	harness.NeedNode(t)
	t.Parallel()
	p := harness.StartProcess(t, filepath.Join(t.TempDir(), "parley.db"), "--max-file-size", "1GB")
	anna := harness.NewClient(t, p.URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	path := filepath.Join(t.TempDir(), "noise.bin")
	writeNoise(t, path, clientFile)
	line := newBadLine(t, p.URL)
	var killing sync.WaitGroup
	killing.Go(func() {
		for line.passed.Load() < clientKill {
			<-line.cuts
		}
		p.Kill()
		p.Start()
		for range line.cuts {
			continue
		}
	})
	var done struct {
		FileID  string         `json:"file_id"`
		Retries int            `json:"retries"`
		Answers map[string]int `json:"answers"` // by method and status
	}
	output := harness.RunNode(t, clientTime, "upload.mjs", line.url+"/v1/uploads", anna.AccessToken, fmt.Sprint(room.ID), path)
	line.close()
	killing.Wait()
	if err := json.Unmarshal(output, &done); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	t.Logf("%d retries over %d MB; answers: %v", done.Retries, line.passed.Load()>>20, done.Answers)
	if done.Retries < 20 || done.Answers["POST 201"] != 1 {
		t.Error("the client has not gone on with one upload through many cuts")
	}
	anna.ExpectRandomFile(done.FileID, clientFile)
}

func writeNoise(t *testing.T, path string, size int) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(file, harness.RandomReader(size))
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// badLine passes connections on, and cuts each after a few megabytes.
type badLine struct {
	url      string
	target   string
	listener net.Listener
	passed   atomic.Int64  // bytes towards the server
	cuts     chan struct{} // a value for each connection that ended; closed by close
	open     sync.WaitGroup
}

func newBadLine(t *testing.T, target string) *badLine {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	line := &badLine{url: "http://" + l.Addr().String(), target: u.Host, listener: l, cuts: make(chan struct{})}
	line.open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			line.open.Go(func() { line.pass(conn) })
		}
	})
	return line
}

func (l *badLine) pass(client net.Conn) {
	server, err := net.Dial("tcp", l.target)
	if err == nil {
		var answers sync.WaitGroup
		answers.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
		n, err := io.CopyN(server, client, 2<<20+rand.Int64N(4<<20))
		l.passed.Add(n)
		if err == nil || !errors.Is(err, io.EOF) {
			_ = client.(*net.TCPConn).SetLinger(0) // a reset, and not the orderly end of a connection
		}
		_ = server.Close()
		answers.Wait()
	}
	_ = client.Close()
	l.cuts <- struct{}{}
}

// close ends the line, when nobody uses it any more.
func (l *badLine) close() {
	_ = l.listener.Close()
	l.open.Wait()
	close(l.cuts)
}
