package files

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// onEachKillableServer runs a test on a server process that the test can kill.
func onEachKillableServer(t *testing.T, f func(t *testing.T, p *harness.Process, run uploadRun)) {
	harness.OnTwoStorages(t, func(t *testing.T, database string, files harness.Storage) {
		p := harness.StartProcess(t, database, "--files", files.Location())
		anna := harness.NewClient(t, p.URL).NewGuest("anna")
		f(t, p, uploadRun{Client: anna, t: t, database: database, files: files, room: anna.CreatePrivateRoom()})
	})
}

// TestTusResumesAfterCrash kills the server during a chunk, during a chunk with a checksum, and after all bytes of
// an upload were received.
func TestTusResumesAfterCrash(t *testing.T) {
	harness.SkipIfShort(t)
	onEachKillableServer(t, func(t *testing.T, p *harness.Process, run uploadRun) {
		content := harness.RandomBytes(1000 + 2*storedPrefix)
		path := run.CreateUpload(run.room.ID, len(content))
		run.PatchUpload(path, 0, content[:1000]).ExpectStatus(204)
		checked := run.CreateUpload(run.room.ID, len(content))
		run.PatchUpload(checked, 0, content[:1000]).ExpectStatus(204)
		complete := run.CreateUpload(run.room.ID, storedPrefix)

		beginPatch(run.Client, path, 1000, 2*storedPrefix, content[1000:1000+storedPrefix])
		checksum := []string{"Upload-Checksum", uploadChecksum("sha256", content[1000:])}
		beginPatch(run.Client, checked, 1000, 2*storedPrefix, content[1000:1000+storedPrefix], checksum...)
		beginPatch(run.Client, complete, 0, -1, content[:storedPrefix])
		waitUntilStored(t, run.files, 2000+3*storedPrefix)
		p.Kill()
		p.Start()

		if got := run.UploadOffset(path); got != 1000+storedPrefix {
			t.Errorf("%d bytes were stored, but the offset is %d", 1000+storedPrefix, got)
		}
		if got := run.UploadOffset(checked); got != 1000 {
			t.Errorf("a chunk that was not verified is kept: the offset is %d, want 1000", got)
		}
		waitUntilWriterStops(run.Client, path, len(content))
		run.resume(path, content)
		waitUntilWriterStops(run.Client, checked, len(content))
		expectComplete(run.Client, run.PatchUpload(checked, 1000, content[1000:], checksum...).ExpectStatus(204), content)
		harness.Eventually(t, "the killed writer's lock has expired",
			func() bool { return run.HeadUpload(complete).HTTP.StatusCode != 423 })
		expectComplete(run.Client, run.HeadUpload(complete).ExpectStatus(200), content[:storedPrefix])
	})
}

// TestTusCompletesAfterCrashBeforeResponse simulates a crash after the bytes of a file were completed and before the
// file was in the database.
func TestTusCompletesAfterCrashBeforeResponse(t *testing.T) {
	onEachKillableServer(t, func(t *testing.T, p *harness.Process, run uploadRun) {
		content := harness.RandomBytes(100_000)
		requests := map[string]func(path string) *harness.Response{
			"HEAD":  func(path string) *harness.Response { return run.HeadUpload(path).ExpectStatus(200) },
			"PATCH": func(path string) *harness.Response { return run.PatchUpload(path, len(content), nil).ExpectStatus(204) },
		}
		paths := map[string]string{}
		for method := range requests {
			paths[method] = run.CreateUpload(run.room.ID, len(content))
			run.PatchUpload(paths[method], 0, content).ExpectStatus(204)
		}
		p.Kill()
		harness.Execute(t, run.database, "INSERT INTO doomed_blobs (key, due_at) SELECT blob, expires_at FROM uploads")
		harness.Execute(t, run.database, "UPDATE uploads SET file_id = ''")
		harness.Execute(t, run.database, "DELETE FROM files")
		p.Start()
		for method, send := range requests {
			expectComplete(run.Client, send(paths[method]), content)
		}
	})
}

// TestTusResumesOnAnotherNode resumes an upload on another node than the one where it began.
func TestTusResumesOnAnotherNode(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	for name, files := range map[string]func(t *testing.T) harness.Storage{
		"folder": func(t *testing.T) harness.Storage { return harness.FolderStorage(t.TempDir()) },
		"s3":     func(t *testing.T) harness.Storage { return harness.NewBucket(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, files := harness.NewPostgres(t), files(t)
			a, b := harness.StartServer(t, database, "--files", files.Location()),
				harness.StartServer(t, database, "--files", files.Location())
			anna := harness.NewClient(t, a.URL).NewGuest("anna")
			onB := anna.AtServer(b.URL)
			room := anna.CreatePrivateRoom()
			content := harness.RandomBytes(3 * partialBody)
			path := anna.CreateUpload(room.ID, len(content))
			harness.ExpectUploadOffset(onB.HeadUpload(path).ExpectStatus(200), 0)
			writer := beginPatch(anna, path, 0, len(content), content[:partialBody])
			waitUntilStored(t, files, storedPrefix)
			onB.PatchUpload(path, 0, content).ExpectProblem(423, models.CodeUploadConflict)
			writer.disconnect()
			waitUntilWriterStops(onB, path, len(content))
			harness.ExpectUploadOffset(onB.HeadUpload(path).ExpectStatus(200), partialBody)
			onB.PatchUpload(path, partialBody, content[partialBody:2*partialBody]).ExpectStatus(204)
			whole := anna.PatchUpload(path, 2*partialBody, content[2*partialBody:]).ExpectStatus(204)
			expectComplete(onB, whole, content)
			if id := onB.HeadUpload(path).ExpectStatus(200).Header("Parley-File-Id"); id != whole.Header("Parley-File-Id") {
				t.Errorf("the nodes return different files: %q, %q", id, whole.Header("Parley-File-Id"))
			}
		})
	}
}
