package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

const (
	// brokenPart is more than the server holds in memory of a chunk before it stores it, on any storage: of so many bytes it
	// has stored storedPart at once.
	brokenPart = 9 << 20
	storedPart = 8 << 20
)

// halfChunk is a PATCH of which the body has not come to its end.
type halfChunk struct {
	t    testing.TB
	conn net.Conn
}

// beginChunk sends a PATCH that announces length bytes, or does not say how many when length is -1, and some of them.
func (c *client) beginChunk(path string, offset, length int, sent []byte, headers ...string) halfChunk {
	c.t.Helper()
	u, err := url.Parse(c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	head := []string{"PATCH " + path + " HTTP/1.1", "Host: " + u.Host, "Authorization: Bearer " + c.AccessToken}
	headers = chunkHead(offset, headers...)
	for i := 0; i < len(headers); i += 2 {
		head = append(head, headers[i]+": "+headers[i+1])
	}
	h := halfChunk{c.t, conn}
	if length >= 0 {
		h.write([]byte(strings.Join(append(head, "Content-Length: "+strconv.Itoa(length)), "\r\n") + "\r\n\r\n"))
		h.write(sent)
	} else {
		h.write(fmt.Appendf(nil, "%s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", strings.Join(head, "\r\n"), len(sent)))
		h.write(append(sent[:len(sent):len(sent)], "\r\n"...))
	}
	return h
}

func (h halfChunk) write(b []byte) {
	h.t.Helper()
	if _, err := h.conn.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

// answer is the status that the request gets in the end.
func (h halfChunk) answer() int {
	h.t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(h.conn), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// cut ends the connection as a network does that fails.
func (h halfChunk) cut() { _ = h.conn.Close() }

// stores waits until so many bytes are in the storage.
func stores(t *testing.T, files storage, size int64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d bytes in the storage", size), func() bool { return files.size(t) >= size })
}

// letGo waits until no request writes to the upload, which stands elsewhere than at offset.
func (c *client) letGo(path string, offset int) {
	c.t.Helper()
	eventually(c.t, "an upload that nobody writes to", func() bool {
		return c.patch(path, offset, []byte("x")).response.StatusCode == 409
	})
}

// uploadRun is a server, and a room to upload to.
type uploadRun struct {
	*client
	t        *testing.T
	server   *testServer
	database string
	files    storage
	room     models.Room
}

// onEachUploadRun runs a test on a server of its own, with SQLite and a folder, and with PostgreSQL and S3.
func onEachUploadRun(t *testing.T, f func(t *testing.T, run uploadRun)) {
	onTwoPairs(t, func(t *testing.T, database string, files storage) {
		s := startServer(t, database, "--files", files.place())
		anna := newClient(t, s.url).newcomer("anna")
		f(t, uploadRun{client: anna, t: t, server: s, database: database, files: files, room: anna.privateRoom()})
	})
}

// goOn sends the rest of an upload from where it stands.
func (run uploadRun) goOn(path string, content []byte) {
	run.t.Helper()
	offset := run.offset(path)
	run.isWhole(run.patch(path, offset, content[offset:]).status(204), content)
}

func TestTusGoesOnAfterACut(t *testing.T) {
	long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := noise(3 * brokenPart)
		path := run.begin(run.room.ID, len(content))
		run.beginChunk(path, 0, len(content), content[:brokenPart]).cut()
		run.letGo(path, len(content))
		if got := run.offset(path); got != brokenPart {
			t.Errorf("of the %d bytes that were sent %d are kept", brokenPart, got)
		}
		run.beginChunk(path, brokenPart, -1, content[brokenPart:2*brokenPart]).cut()
		run.letGo(path, len(content))
		if got := run.offset(path); got != 2*brokenPart {
			t.Errorf("of the %d bytes that were sent %d are kept", 2*brokenPart, got)
		}
		run.goOn(path, content)
	})
}

// TestTusHeadKeepsWhatWasSent asks how far an upload is while the server still reads what came before a cut: a client that
// asks at once, again and again, must get on.
func TestTusHeadKeepsWhatWasSent(t *testing.T) {
	long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := noise(2 * brokenPart)
		path := run.begin(run.room.ID, len(content))
		writer := run.beginChunk(path, 0, len(content), content[:brokenPart])
		stores(t, run.files, 1)
		writer.cut()
		if got := run.offset(path); got != brokenPart {
			t.Errorf("of the %d bytes that were sent %d are kept", brokenPart, got)
		}
		run.goOn(path, content)
	})
}

// TestTusCutWithinACheckedChunk wants none of it to be kept: nobody knows what it would have been.
func TestTusCutWithinACheckedChunk(t *testing.T) {
	long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := noise(1000 + 2*brokenPart)
		path := run.begin(run.room.ID, len(content))
		run.patch(path, 0, content[:1000]).status(204)
		guard := []string{"Upload-Checksum", checksum("sha256", content[1000:])}
		run.beginChunk(path, 1000, len(content)-1000, content[1000:1000+brokenPart], guard...).cut()
		run.letGo(path, len(content))
		if got, stored := run.offset(path), run.files.size(t); got != 1000 || stored != 1000 {
			t.Errorf("the upload stands at %d, and %d bytes are stored", got, stored)
		}
		run.isWhole(run.patch(path, 1000, content[1000:], guard...).status(204), content)
	})
}

// TestTusOneWriter has a second request come while the first still sends, and the first go on after that.
func TestTusOneWriter(t *testing.T) {
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := noise(brokenPart + 1000)
		path := run.begin(run.room.ID, len(content))
		first := run.beginChunk(path, 0, len(content), content[:brokenPart])
		stores(t, run.files, storedPart)
		run.patch(path, 0, content).problem(423, models.CodeUploadConflict)
		run.patch(path, brokenPart, content[brokenPart:]).problem(423, models.CodeUploadConflict)
		run.call("DELETE", path, nil, "Tus-Resumable", "1.0.0").problem(423, models.CodeUploadConflict)
		first.write(content[brokenPart:])
		if status := first.answer(); status != 204 {
			t.Fatalf("the first request is answered %d", status)
		}
		run.isWhole(run.headUpload(path).status(200), content)
	})
}

// TestTusHeadEndsWhoSendsNoMore asks how far an upload is while a connection is open that nothing comes from any more.
func TestTusHeadEndsWhoSendsNoMore(t *testing.T) {
	long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := noise(2 * brokenPart)
		path := run.begin(run.room.ID, len(content))
		stalled := run.beginChunk(path, 0, len(content), content[:brokenPart])
		stores(t, run.files, storedPart)
		offset := run.offset(path)
		if offset < storedPart {
			t.Errorf("of the %d bytes that are stored %d are told of", storedPart, offset)
		}
		run.isWhole(run.patch(path, offset, content[offset:]).status(204), content)
		if status := stalled.answer(); status != 400 {
			t.Errorf("the stalled request is answered %d", status)
		}
	})
}

// TestTusLetsTheServerStop stops the server under a request that nothing comes from any more: it stops in order, and what
// had come is kept.
func TestTusLetsTheServerStop(t *testing.T) {
	long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := noise(2 * brokenPart)
		path := run.begin(run.room.ID, len(content))
		stalled := run.beginChunk(path, 0, len(content), content[:brokenPart])
		stores(t, run.files, storedPart)
		run.server.halt()
		if status := stalled.answer(); status != 400 {
			t.Errorf("the stalled request is answered %d", status)
		}
		run.client = run.at(startServer(t, run.database, "--files", run.files.place()).url)
		run.goOn(path, content)
	})
}

// TestTusHeadCompletes stalls a request that brought all bytes, but not the end of its body: the client hears that nothing
// is to be sent, so it must hear of the file as well.
func TestTusHeadCompletes(t *testing.T) {
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := noise(storedPart)
		path := run.begin(run.room.ID, len(content))
		run.beginChunk(path, 0, -1, content)
		stores(t, run.files, storedPart)
		run.isWhole(run.headUpload(path).status(200), content)
	})
}
