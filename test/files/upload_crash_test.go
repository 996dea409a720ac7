package files

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	crashWriters        = 6
	crashKills          = 4
	uploadsBetweenKills = 12 // acknowledged uploads between two kills
)

// TestFilesSurviveCrashes kills the server during uploads. Afterwards every acknowledged file is complete, every file
// in the database has its bytes, and bytes without a file are removed when the lease of their writer has expired.
func TestFilesSurviveCrashes(t *testing.T) {
	harness.SkipIfShort(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		run := newCrashRun(t, database)
		var writing sync.WaitGroup
		for i := range crashWriters {
			writing.Go(func() { run.uploadUntilDone(i) })
		}
		for range crashKills {
			for range uploadsBetweenKills {
				<-run.progress
			}
			run.killAndRestart()
		}
		close(run.done)
		writing.Wait()
		run.stallUpload() // ensures that an upload is in progress at the next kill
		run.killAndRestart()
		run.checkFiles()
	})
}

type crashRun struct {
	t        *testing.T
	database string
	folder   string
	process  *harness.Process
	anna     *harness.Client
	room     models.Room
	progress chan struct{} // a value for each acknowledged upload
	done     chan struct{} // closed when enough uploads were acknowledged

	mu           sync.Mutex
	serverUp     chan struct{}          // closed while the server runs
	acknowledged map[string]models.File // by id
}

func newCrashRun(t *testing.T, database string) *crashRun {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "files")
	run := &crashRun{
		t: t, database: database, folder: folder,
		process:  harness.StartProcess(t, database, "--files", folder, "--rate-limit", "off"),
		progress: make(chan struct{}, 1000), done: make(chan struct{}), serverUp: make(chan struct{}),
		acknowledged: map[string]models.File{},
	}
	close(run.serverUp)
	run.anna = harness.NewClient(t, run.process.URL).NewGuest("anna")
	run.room = run.anna.CreatePrivateRoom()
	return run
}

// killAndRestart kills the server and starts it again.
func (run *crashRun) killAndRestart() {
	run.mu.Lock()
	run.serverUp = make(chan struct{})
	run.mu.Unlock()
	run.process.Kill()
	run.process.Start()
	run.mu.Lock()
	close(run.serverUp)
	run.mu.Unlock()
}

func (run *crashRun) waitUntilUp() {
	run.mu.Lock()
	up := run.serverUp
	run.mu.Unlock()
	<-up
}

// uploadUntilDone uploads files, alternately raw and in messages, until run.done is closed, and records the
// acknowledged ones.
func (run *crashRun) uploadUntilDone(writer int) {
	for n := 0; ; n++ {
		select {
		case <-run.done:
			return
		default:
		}
		content := strings.Repeat(fmt.Sprintf("writer %d, file %d;", writer, n), 1+rand.IntN(20_000))
		path, mediaType, body := harness.RoomPath(run.room.ID)+"/files", "text/plain", content
		if n%2 == 1 {
			path, mediaType, body = harness.RoomPath(run.room.ID)+"/messages/form", harness.FormMediaType,
				harness.RawForm(harness.FilePart("a", content), harness.FilePart("b", content))
		}
		a, err := run.anna.TryCall(context.Background(), "POST", path, []byte(body), "Content-Type", mediaType)
		if err != nil {
			run.waitUntilUp()
			continue
		}
		var m models.Message
		switch {
		case a.HTTP.StatusCode == 503: // the server is stopping
		case a.HTTP.StatusCode != 201:
			run.t.Error(a)
			return
		case n%2 == 1:
			a.Decode(&m)
		default:
			m.Files = make([]models.File, 1)
			a.Decode(&m.Files[0])
		}
		run.recordAcknowledged(m.Files, harness.DigestOf([]byte(content)))
	}
}

func (run *crashRun) recordAcknowledged(files []models.File, digest string) {
	run.mu.Lock()
	defer run.mu.Unlock()
	for _, f := range files {
		if f.SHA256 != digest {
			run.t.Errorf("acknowledged %+v, want the digest %s", f, digest)
		}
		run.acknowledged[f.ID] = f
	}
	if len(files) > 0 {
		run.progress <- struct{}{}
	}
}

// stallUpload starts an upload that never ends, and returns when a part of it is in the folder.
func (run *crashRun) stallUpload() {
	before := len(harness.BlobPaths(run.t, run.folder))
	body, sender := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "POST", run.anna.URL+harness.RoomPath(run.room.ID)+"/files", body)
	if err != nil {
		run.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+run.anna.AccessToken)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if res, err := run.anna.HTTP.Do(req); err == nil {
			_ = res.Body.Close()
			run.t.Errorf("an unfinished upload got the status %d, want no response", res.StatusCode)
		}
	}()
	run.t.Cleanup(func() { cancel(); _ = sender.Close(); <-sent })
	if _, err := sender.Write(make([]byte, 1<<20)); err != nil {
		run.t.Fatal(err)
	}
	harness.Eventually(run.t, "a part of the upload is in the folder",
		func() bool { return len(harness.BlobPaths(run.t, run.folder)) > before })
}

// checkFiles compares the acknowledged files, the files in the database and the blobs in the folder.
func (run *crashRun) checkFiles() {
	run.t.Helper()
	for _, f := range run.acknowledged {
		if got := harness.Get[models.File](run.anna, "/v1/files/"+f.ID); got != f {
			run.t.Errorf("acknowledged %+v, stored %+v", f, got)
		}
		if a := run.anna.Download(f).ExpectStatus(200); harness.DigestOf(a.Body) != f.SHA256 {
			run.t.Errorf("acknowledged %+v, but the download has %d different bytes", f, len(a.Body))
		}
	}
	// The database may have files whose response was lost in a crash. They must be complete, too.
	kept := map[string]bool{}
	for blob, size := range storedFileSizes(run.t, run.database) {
		path := filepath.Join(run.folder, blob[:2], blob)
		kept[path] = true
		if got := fileSizeOnDisk(run.t, path); got != size {
			run.t.Errorf("a file of %d bytes has a blob of %d bytes in the folder", size, got)
		}
	}
	if len(kept) < len(run.acknowledged) {
		run.t.Errorf("%d files were acknowledged, but %d are in the database", len(run.acknowledged), len(kept))
	}
	// The leases of the killed writers expire after 45 s at most. Advance them by 40 s.
	if left := harness.QueryCount(run.t, run.database, "SELECT count(*) FROM doomed_blobs"); left == 0 {
		run.t.Error("the interrupted upload has no lease")
	}
	harness.Execute(run.t, run.database, "UPDATE doomed_blobs SET due_at = due_at - 40000")
	harness.Eventually(run.t, "every blob belongs to a file", func() bool {
		present := harness.BlobPaths(run.t, run.folder)
		for _, path := range present {
			if !kept[path] {
				return false
			}
		}
		return len(present) == len(kept)
	})
	run.t.Logf("%d files were acknowledged, %d are stored", len(run.acknowledged), len(kept))
}
