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
	tusClientFileSize  = 200 << 20 // in bytes
	tusClientKillAfter = 80 << 20  // bytes sent before the server is killed
	tusClientTimeout   = 10 * time.Minute
)

// TestTusJSClientResumes uploads a large file with tus-js-client over connections that break every few megabytes. The
// server is killed and restarted during the upload.
func TestTusJSClientResumes(t *testing.T) {
	harness.NeedNode(t)
	t.Parallel()
	p := harness.StartProcess(t, harness.NewSQLite(t), "--max-file-size", "1GB")
	anna := harness.NewClient(t, p.URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	path := filepath.Join(t.TempDir(), "random.bin")
	writeRandomFile(t, path, tusClientFileSize)
	proxy := newUnreliableProxy(t, p.URL)
	var killing sync.WaitGroup
	killing.Go(func() {
		for proxy.forwarded.Load() < tusClientKillAfter {
			<-proxy.closedConns
		}
		p.Kill()
		p.Start()
		for range proxy.closedConns {
			continue
		}
	})
	var done struct {
		FileID    string         `json:"file_id"`
		Retries   int            `json:"retries"`
		Responses map[string]int `json:"answers"` // by method and status
	}
	output := harness.RunNode(t, tusClientTimeout, "upload.mjs", proxy.url+"/v1/uploads", anna.AccessToken,
		fmt.Sprint(room.ID), path)
	proxy.close()
	killing.Wait()
	if err := json.Unmarshal(output, &done); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	t.Logf("%d retries over %d MB; responses: %v", done.Retries, proxy.forwarded.Load()>>20, done.Responses)
	if done.Retries < 20 || done.Responses["POST 201"] != 1 {
		t.Error("want one upload with at least 20 retries")
	}
	anna.ExpectRandomFile(done.FileID, tusClientFileSize)
}

func writeRandomFile(t *testing.T, path string, size int) {
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

// unreliableProxy forwards TCP connections, and closes each after a few megabytes.
type unreliableProxy struct {
	url         string
	target      string
	listener    net.Listener
	forwarded   atomic.Int64  // bytes sent to the server
	closedConns chan struct{} // a value for each closed connection; closed by close
	running     sync.WaitGroup
}

func newUnreliableProxy(t *testing.T, target string) *unreliableProxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := &unreliableProxy{
		url: "http://" + l.Addr().String(), target: u.Host, listener: l, closedConns: make(chan struct{}),
	}
	proxy.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			proxy.running.Go(func() { proxy.forward(conn) })
		}
	})
	return proxy
}

func (l *unreliableProxy) forward(client net.Conn) {
	server, err := net.Dial("tcp", l.target)
	if err == nil {
		var responses sync.WaitGroup
		responses.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
		n, err := io.CopyN(server, client, 2<<20+rand.Int64N(4<<20))
		l.forwarded.Add(n)
		if err == nil || !errors.Is(err, io.EOF) {
			_ = client.(*net.TCPConn).SetLinger(0) // a reset, and not the orderly end of a connection
		}
		_ = server.Close()
		responses.Wait()
	}
	_ = client.Close()
	l.closedConns <- struct{}{}
}

// close stops the proxy and waits for its connections. No client may use it any more.
func (l *unreliableProxy) close() {
	_ = l.listener.Close()
	l.running.Wait()
	close(l.closedConns)
}
