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
	// partialBody is the size of a partial request body, in bytes. It is more than the server buffers in memory on any
	// storage: it stores the first storedPrefix bytes at once.
	partialBody  = 9 << 20
	storedPrefix = 8 << 20
)

// openPatch is a PATCH whose body is not complete.
type openPatch struct {
	t    testing.TB
	conn net.Conn
}

// beginPatch sends the head of a PATCH and the bytes sent of its body. The Content-Length is length; a length of -1
// means a chunked body.
func beginPatch(c *harness.Client, path string, offset, length int, sent []byte, headers ...string) openPatch {
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
	h := openPatch{c.T, conn}
	if length >= 0 {
		h.write([]byte(strings.Join(append(head, "Content-Length: "+strconv.Itoa(length)), "\r\n") + "\r\n\r\n"))
		h.write(sent)
	} else {
		h.write(fmt.Appendf(nil, "%s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", strings.Join(head, "\r\n"), len(sent)))
		h.write(append(sent[:len(sent):len(sent)], "\r\n"...))
	}
	return h
}

func (h openPatch) write(b []byte) {
	h.t.Helper()
	if _, err := h.conn.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

// status reads the response and returns its status.
func (h openPatch) status() int {
	h.t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(h.conn), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// disconnect closes the connection, as a failing network does.
func (h openPatch) disconnect() { _ = h.conn.Close() }

// waitUntilStored waits until the storage has size bytes.
func waitUntilStored(t *testing.T, files harness.Storage, size int64) {
	t.Helper()
	harness.Eventually(t, fmt.Sprintf("%d bytes in the storage", size), func() bool { return files.Size(t) >= size })
}

// waitUntilWriterStops waits until no request writes to the upload. It sends a PATCH with a wrong offset, which gets
// 423 while another request writes, and 409 afterwards. The offset must therefore differ from that of the upload.
func waitUntilWriterStops(c *harness.Client, path string, offset int) {
	c.T.Helper()
	harness.Eventually(c.T, "the upload has no writer", func() bool {
		return c.PatchUpload(path, offset, []byte("x")).HTTP.StatusCode == 409
	})
}

// uploadRun is a server and a room for uploads.
type uploadRun struct {
	*harness.Client
	t        *testing.T
	server   *harness.Server
	database string
	files    harness.Storage
	room     models.Room
}

// onEachUploadRun runs a test on its own server, once with SQLite and a folder and once with PostgreSQL and S3.
func onEachUploadRun(t *testing.T, f func(t *testing.T, run uploadRun)) {
	harness.OnTwoStorages(t, func(t *testing.T, database string, files harness.Storage) {
		s := harness.StartServer(t, database, "--files", files.Location())
		anna := harness.NewClient(t, s.URL).NewGuest("anna")
		f(t, uploadRun{Client: anna, t: t, server: s, database: database, files: files, room: anna.CreatePrivateRoom()})
	})
}

// resume sends the rest of an upload from its current offset.
func (run uploadRun) resume(path string, content []byte) {
	run.t.Helper()
	offset := run.UploadOffset(path)
	expectComplete(run.Client, run.PatchUpload(path, offset, content[offset:]).ExpectStatus(204), content)
}

// TestTusResumesAfterDisconnect: after a disconnect the upload has all bytes that were sent, and can be resumed.
func TestTusResumesAfterDisconnect(t *testing.T) {
	harness.SkipIfShort(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(3 * partialBody)
		path := run.CreateUpload(run.room.ID, len(content))
		beginPatch(run.Client, path, 0, len(content), content[:partialBody]).disconnect()
		waitUntilWriterStops(run.Client, path, len(content))
		if got := run.UploadOffset(path); got != partialBody {
			t.Errorf("%d bytes were sent, but the offset is %d", partialBody, got)
		}
		beginPatch(run.Client, path, partialBody, -1, content[partialBody:2*partialBody]).disconnect()
		waitUntilWriterStops(run.Client, path, len(content))
		if got := run.UploadOffset(path); got != 2*partialBody {
			t.Errorf("%d bytes were sent, but the offset is %d", 2*partialBody, got)
		}
		run.resume(path, content)
	})
}

// TestTusHeadKeepsReceivedBytes sends a HEAD while the server still reads the bytes received before a disconnect: a
// client that retries at once, again and again, must make progress.
func TestTusHeadKeepsReceivedBytes(t *testing.T) {
	harness.SkipIfShort(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(2 * partialBody)
		path := run.CreateUpload(run.room.ID, len(content))
		writer := beginPatch(run.Client, path, 0, len(content), content[:partialBody])
		waitUntilStored(t, run.files, 1)
		writer.disconnect()
		if got := run.UploadOffset(path); got != partialBody {
			t.Errorf("%d bytes were sent, but the offset is %d", partialBody, got)
		}
		run.resume(path, content)
	})
}

// TestTusInterruptedChecksumChunkIsDiscarded: an incomplete chunk with a checksum cannot be verified, so none of it is
// kept.
func TestTusInterruptedChecksumChunkIsDiscarded(t *testing.T) {
	harness.SkipIfShort(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(1000 + 2*partialBody)
		path := run.CreateUpload(run.room.ID, len(content))
		run.PatchUpload(path, 0, content[:1000]).ExpectStatus(204)
		checksum := []string{"Upload-Checksum", uploadChecksum("sha256", content[1000:])}
		beginPatch(run.Client, path, 1000, len(content)-1000, content[1000:1000+partialBody], checksum...).disconnect()
		waitUntilWriterStops(run.Client, path, len(content))
		if got, stored := run.UploadOffset(path), run.files.Size(t); got != 1000 || stored != 1000 {
			t.Errorf("the offset is %d and %d bytes are stored, want 1000", got, stored)
		}
		expectComplete(run.Client, run.PatchUpload(path, 1000, content[1000:], checksum...).ExpectStatus(204), content)
	})
}

// TestTusOneWriter sends a second request while the first still writes. The second is refused, and the first completes.
func TestTusOneWriter(t *testing.T) {
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(partialBody + 1000)
		path := run.CreateUpload(run.room.ID, len(content))
		first := beginPatch(run.Client, path, 0, len(content), content[:partialBody])
		waitUntilStored(t, run.files, storedPrefix)
		run.PatchUpload(path, 0, content).ExpectProblem(423, models.CodeUploadConflict)
		run.PatchUpload(path, partialBody, content[partialBody:]).ExpectProblem(423, models.CodeUploadConflict)
		run.Call("DELETE", path, nil, "Tus-Resumable", "1.0.0").ExpectProblem(423, models.CodeUploadConflict)
		first.write(content[partialBody:])
		if status := first.status(); status != 204 {
			t.Fatalf("the first request got the status %d, want 204", status)
		}
		expectComplete(run.Client, run.HeadUpload(path).ExpectStatus(200), content)
	})
}

// TestTusHeadEndsStalledWriter sends a HEAD while another connection is open that no longer sends. The HEAD ends it.
func TestTusHeadEndsStalledWriter(t *testing.T) {
	harness.SkipIfShort(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(2 * partialBody)
		path := run.CreateUpload(run.room.ID, len(content))
		stalled := beginPatch(run.Client, path, 0, len(content), content[:partialBody])
		waitUntilStored(t, run.files, storedPrefix)
		offset := run.UploadOffset(path)
		if offset < storedPrefix {
			t.Errorf("%d bytes are stored, but the offset is %d", storedPrefix, offset)
		}
		expectComplete(run.Client, run.PatchUpload(path, offset, content[offset:]).ExpectStatus(204), content)
		if status := stalled.status(); status != 400 {
			t.Errorf("the stalled request got the status %d, want 400", status)
		}
	})
}

// TestTusStalledWriterDoesNotBlockShutdown stops the server during a request that no longer sends. The server stops
// in order and keeps the received bytes.
func TestTusStalledWriterDoesNotBlockShutdown(t *testing.T) {
	harness.SkipIfShort(t)
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(2 * partialBody)
		path := run.CreateUpload(run.room.ID, len(content))
		stalled := beginPatch(run.Client, path, 0, len(content), content[:partialBody])
		waitUntilStored(t, run.files, storedPrefix)
		run.server.Stop()
		if status := stalled.status(); status != 400 {
			t.Errorf("the stalled request got the status %d, want 400", status)
		}
		run.Client = run.AtServer(harness.StartServer(t, run.database, "--files", run.files.Location()).URL)
		run.resume(path, content)
	})
}

// TestTusHeadCompletesUpload stalls a request that sent all bytes of the file, but not the end of its chunked body.
// HEAD returns the full offset, so the client sends nothing more: the response must also have the file's id.
func TestTusHeadCompletesUpload(t *testing.T) {
	onEachUploadRun(t, func(t *testing.T, run uploadRun) {
		content := harness.RandomBytes(storedPrefix)
		path := run.CreateUpload(run.room.ID, len(content))
		beginPatch(run.Client, path, 0, -1, content)
		waitUntilStored(t, run.files, storedPrefix)
		expectComplete(run.Client, run.HeadUpload(path).ExpectStatus(200), content)
	})
}
