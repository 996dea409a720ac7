package files

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
	"github.com/parley-chat/parley/test/harness"
)

const (
	// brokenPart is more than the server holds in memory of a chunk before it stores it, on any storage: of so many bytes
	// it has stored storedPart at once.
	brokenPart = 9 << 20
	storedPart = 8 << 20
)

// halfChunk is a PATCH of which the body has not come to its end.
type halfChunk struct {
	t    testing.TB
	conn net.Conn
}

// beginChunk sends a PATCH that announces length bytes, or does not say how many when length is -1, and some of them.
func beginChunk(c *harness.Client, path string, offset, length int, sent []byte, headers ...string) halfChunk {
	c.T.Helper()
	u, err := url.Parse(c.URL)
	if err != nil {
		c.T.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		c.T.Fatal(err)
	}
	c.T.Cleanup(func() { _ = conn.Close() })
	head := []string{"PATCH " + path + " HTTP/1.1", "Host: " + u.Host, "Authorization: Bearer " + c.AccessToken}
	headers = harness.UploadHeaders(offset, headers...)
	for i := 0; i < len(headers); i += 2 {
		head = append(head, headers[i]+": "+headers[i+1])
	}
	h := halfChunk{c.T, conn}
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
func stores(t *testing.T, files harness.Storage, size int64) {
	t.Helper()
	harness.Eventually(t, fmt.Sprintf("%d bytes in the storage", size), func() bool { return files.Size(t) >= size })
}

// abandonUpload waits until no request writes to the upload, which stands elsewhere than at offset.
func abandonUpload(c *harness.Client, path string, offset int) {
	c.T.Helper()
	harness.Eventually(c.T, "an upload that nobody writes to", func() bool {
		return c.PatchUpload(path, offset, []byte("x")).HTTP.StatusCode == 409
	})
}

// uploadRun is a server, and a room to upload to.
type uploadRun struct {
	*harness.Client
	t        *testing.T
	server   *harness.Server
	database string
	files    harness.Storage
	room     models.Room
}

// onEachUploadRun runs a test on a server of its own, with SQLite and a folder, and with PostgreSQL and S3.
func onEachUploadRun(t *testing.T, f func(t *testing.T, run uploadRun)) {
	harness.OnTwoStorages(t, func(t *testing.T, database string, files harness.Storage) {
		s := harness.StartServer(t, database, "--files", files.Location())
		anna := harness.NewClient(t, s.URL).NewGuest("anna")
		f(t, uploadRun{Client: anna, t: t, server: s, database: database, files: files, room: anna.CreatePrivateRoom()})
	})
}

// goOn sends the rest of an upload from where it stands.
func (run uploadRun) goOn(path string, content []byte) {
	run.t.Helper()
	offset := run.UploadOffset(path)
	expectComplete(run.Client, run.PatchUpload(path, offset, content[offset:]).ExpectStatus(204), content)
}

func TestTusGoesOnAfterACut(t *testing.T) {
	harness.Long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(3 * brokenPart)
		path := run.CreateUpload(run.room.ID, len(content))
		beginChunk(run.Client, path, 0, len(content), content[:brokenPart]).cut()
		abandonUpload(run.Client, path, len(content))
		if got := run.UploadOffset(path); got != brokenPart {
			t.Errorf("of the %d bytes that were sent %d are kept", brokenPart, got)
		}
		beginChunk(run.Client, path, brokenPart, -1, content[brokenPart:2*brokenPart]).cut()
		abandonUpload(run.Client, path, len(content))
		if got := run.UploadOffset(path); got != 2*brokenPart {
			t.Errorf("of the %d bytes that were sent %d are kept", 2*brokenPart, got)
		}
		run.goOn(path, content)
	})
}

// TestTusHeadKeepsWhatWasSent asks how far an upload is while the server still reads what came before a cut: a client
// that asks at once, again and again, must get on.
func TestTusHeadKeepsWhatWasSent(t *testing.T) {
	harness.Long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(2 * brokenPart)
		path := run.CreateUpload(run.room.ID, len(content))
		writer := beginChunk(run.Client, path, 0, len(content), content[:brokenPart])
		stores(t, run.files, 1)
		writer.cut()
		if got := run.UploadOffset(path); got != brokenPart {
			t.Errorf("of the %d bytes that were sent %d are kept", brokenPart, got)
		}
		run.goOn(path, content)
	})
}

// TestTusCutWithinACheckedChunk wants none of it to be kept: nobody knows what it would have been.
func TestTusCutWithinACheckedChunk(t *testing.T) {
	harness.Long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(1000 + 2*brokenPart)
		path := run.CreateUpload(run.room.ID, len(content))
		run.PatchUpload(path, 0, content[:1000]).ExpectStatus(204)
		guard := []string{"Upload-Checksum", checksum("sha256", content[1000:])}
		beginChunk(run.Client, path, 1000, len(content)-1000, content[1000:1000+brokenPart], guard...).cut()
		abandonUpload(run.Client, path, len(content))
		if got, stored := run.UploadOffset(path), run.files.Size(t); got != 1000 || stored != 1000 {
			t.Errorf("the upload stands at %d, and %d bytes are stored", got, stored)
		}
		expectComplete(run.Client, run.PatchUpload(path, 1000, content[1000:], guard...).ExpectStatus(204), content)
	})
}

// TestTusOneWriter has a second request come while the first still sends, and the first go on after that.
func TestTusOneWriter(t *testing.T) {
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(brokenPart + 1000)
		path := run.CreateUpload(run.room.ID, len(content))
		first := beginChunk(run.Client, path, 0, len(content), content[:brokenPart])
		stores(t, run.files, storedPart)
		run.PatchUpload(path, 0, content).ExpectProblem(423, models.CodeUploadConflict)
		run.PatchUpload(path, brokenPart, content[brokenPart:]).ExpectProblem(423, models.CodeUploadConflict)
		run.Call("DELETE", path, nil, "Tus-Resumable", "1.0.0").ExpectProblem(423, models.CodeUploadConflict)
		first.write(content[brokenPart:])
		if status := first.answer(); status != 204 {
			t.Fatalf("the first request is answered %d", status)
		}
		expectComplete(run.Client, run.HeadUpload(path).ExpectStatus(200), content)
	})
}

// TestTusHeadEndsWhoSendsNoMore asks how far an upload is while a connection is open that nothing comes from any more.
func TestTusHeadEndsWhoSendsNoMore(t *testing.T) {
	harness.Long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(2 * brokenPart)
		path := run.CreateUpload(run.room.ID, len(content))
		stalled := beginChunk(run.Client, path, 0, len(content), content[:brokenPart])
		stores(t, run.files, storedPart)
		offset := run.UploadOffset(path)
		if offset < storedPart {
			t.Errorf("of the %d bytes that are stored %d are told of", storedPart, offset)
		}
		expectComplete(run.Client, run.PatchUpload(path, offset, content[offset:]).ExpectStatus(204), content)
		if status := stalled.answer(); status != 400 {
			t.Errorf("the stalled request is answered %d", status)
		}
	})
}

// TestTusLetsTheServerStop stops the server under a request that nothing comes from any more: it stops in order, and
// what had come is kept.
func TestTusLetsTheServerStop(t *testing.T) {
	harness.Long(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(2 * brokenPart)
		path := run.CreateUpload(run.room.ID, len(content))
		stalled := beginChunk(run.Client, path, 0, len(content), content[:brokenPart])
		stores(t, run.files, storedPart)
		run.server.Stop()
		if status := stalled.answer(); status != 400 {
			t.Errorf("the stalled request is answered %d", status)
		}
		run.Client = run.AtServer(harness.StartServer(t, run.database, "--files", run.files.Location()).URL)
		run.goOn(path, content)
	})
}

// TestTusHeadCompletes stalls a request that brought all bytes, but not the end of its body: the client hears that
// nothing is to be sent, so it must hear of the file as well.
func TestTusHeadCompletes(t *testing.T) {
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(storedPart)
		path := run.CreateUpload(run.room.ID, len(content))
		beginChunk(run.Client, path, 0, -1, content)
		stores(t, run.files, storedPart)
		expectComplete(run.Client, run.HeadUpload(path).ExpectStatus(200), content)
	})
}
