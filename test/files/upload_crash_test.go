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
	fileCrashWriters = 6
	fileCrashKills   = 4
	fileCrashSends   = 12 // acknowledged between two kills
)

// TestFilesSurviveCrashes kills the server while files come in. Whatever was acknowledged is whole afterwards, no file
// is without its bytes, and no bytes are without a file for longer than the lease of whoever wrote them.
func TestFilesSurviveCrashes(t *testing.T) {
	harness.Long(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		run := newFileCrash(t, database)
		var writing sync.WaitGroup
		for i := range fileCrashWriters {
			writing.Go(func() { run.write(i) })
		}
		for range fileCrashKills {
			for range fileCrashSends {
				<-run.progress
			}
			run.crash()
		}
		close(run.over)
		writing.Wait()
		run.stall() // one upload is certain to be under way
		run.crash()
		run.check()
	})
}

type fileCrash struct {
	t        *testing.T
	database string
	folder   string
	process  *harness.Process
	anna     *harness.Client
	room     models.Room
	progress chan struct{} // a value for each acknowledged upload
	over     chan struct{} // closed when enough have been

	mu    sync.Mutex
	up    chan struct{}          // closed while the server is up
	acked map[string]models.File // by id
}

func newFileCrash(t *testing.T, database string) *fileCrash {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "files")
	run := &fileCrash{
		t: t, database: database, folder: folder, process: harness.StartProcess(t, database, "--files", folder, "--rate-limit", "off"),
		progress: make(chan struct{}, 1000), over: make(chan struct{}), up: make(chan struct{}), acked: map[string]models.File{},
	}
	close(run.up)
	run.anna = harness.NewClient(t, run.process.URL).NewGuest("anna")
	run.room = run.anna.CreatePrivateRoom()
	return run
}

// crash kills the server and starts it again.
func (run *fileCrash) crash() {
	run.mu.Lock()
	run.up = make(chan struct{})
	run.mu.Unlock()
	run.process.Kill()
	run.process.Start()
	run.mu.Lock()
	close(run.up)
	run.mu.Unlock()
}

func (run *fileCrash) waitUp() {
	run.mu.Lock()
	up := run.up
	run.mu.Unlock()
	<-up
}

// write uploads files until enough have been, as they are or in messages, and notes what was acknowledged.
func (run *fileCrash) write(writer int) {
	for n := 0; ; n++ {
		select {
		case <-run.over:
			return
		default:
		}
		content := strings.Repeat(fmt.Sprintf("writer %d, file %d;", writer, n), 1+rand.IntN(20_000))
		path, mediaType, body := harness.RoomPath(run.room.ID)+"/files", "text/plain", content
		if n%2 == 1 {
			path, mediaType, body = harness.RoomPath(run.room.ID)+"/messages", harness.FormMediaType, harness.RawForm(harness.FilePart("a", content), harness.FilePart("b", content))
		}
		a, err := run.anna.TryCall(context.Background(), "POST", path, []byte(body), "Content-Type", mediaType)
		if err != nil {
			run.waitUp()
			continue
		}
		var m models.Message
		switch {
		case a.HTTP.StatusCode == 503: // it is about to be killed
		case a.HTTP.StatusCode != 201:
			run.t.Error(a)
			return
		case n%2 == 1:
			a.Decode(&m)
		default:
			m.Files = make([]models.File, 1)
			a.Decode(&m.Files[0])
		}
		run.acknowledge(m.Files, harness.DigestOf([]byte(content)))
	}
}

func (run *fileCrash) acknowledge(files []models.File, digest string) {
	run.mu.Lock()
	defer run.mu.Unlock()
	for _, f := range files {
		if f.SHA256 != digest {
			run.t.Errorf("%+v was acknowledged, wanted the digest %s", f, digest)
		}
		run.acked[f.ID] = f
	}
	if len(files) > 0 {
		run.progress <- struct{}{}
	}
}

// stall begins an upload, and returns when a part of it is in the folder.
func (run *fileCrash) stall() {
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
			run.t.Errorf("half an upload was answered with %d", res.StatusCode)
		}
	}()
	run.t.Cleanup(func() { cancel(); _ = sender.Close(); <-sent })
	if _, err := sender.Write(make([]byte, 1<<20)); err != nil {
		run.t.Fatal(err)
	}
	harness.Eventually(run.t, "a part of the upload is in the folder", func() bool { return len(harness.BlobPaths(run.t, run.folder)) > before })
}

// check compares what was acknowledged, what the database has, and what is in the folder.
func (run *fileCrash) check() {
	run.t.Helper()
	for _, f := range run.acked {
		if got := harness.Get[models.File](run.anna, "/v1/files/"+f.ID); got != f {
			run.t.Errorf("%+v was acknowledged and is %+v", f, got)
		}
		if a := run.anna.Download(f).ExpectStatus(200); harness.DigestOf(a.Body) != f.SHA256 {
			run.t.Errorf("%+v was acknowledged and has %d other bytes", f, len(a.Body))
		}
	}
	// The database may have files that nobody heard of, from an answer that was cut off. They are whole, too.
	kept := map[string]bool{}
	for blob, size := range filesOf(run.t, run.database) {
		path := filepath.Join(run.folder, blob[:2], blob)
		kept[path] = true
		if got := sizeOf(run.t, path); got != size {
			run.t.Errorf("a file of %d bytes has %d in the folder", size, got)
		}
	}
	if len(kept) < len(run.acked) {
		run.t.Errorf("%d files were acknowledged and %d are there", len(run.acked), len(kept))
	}
	// The leases of those who were killed run for another 45 s at most. Here 40 of them have passed.
	if left := harness.QueryCount(run.t, run.database, "SELECT count(*) FROM doomed_blobs"); left == 0 {
		run.t.Error("nobody knows of the upload that was under way")
	}
	harness.Execute(run.t, run.database, "UPDATE doomed_blobs SET due_at = due_at - 40000")
	harness.Eventually(run.t, "all bytes have an owner", func() bool {
		there := harness.BlobPaths(run.t, run.folder)
		for _, path := range there {
			if !kept[path] {
				return false
			}
		}
		return len(there) == len(kept)
	})
	run.t.Logf("%d files were acknowledged, %d are there", len(run.acked), len(kept))
}
