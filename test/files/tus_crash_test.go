package files

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// onEachCrash runs a test on a server that can be killed.
func onEachCrash(t *testing.T, f func(t *testing.T, p *harness.Process, run uploadRun)) {
	harness.OnTwoStorages(t, func(t *testing.T, database string, files harness.Storage) {
		p := harness.StartProcess(t, database, "--files", files.Location())
		anna := harness.NewClient(t, p.URL).NewGuest("anna")
		f(t, p, uploadRun{Client: anna, t: t, database: database, files: files, room: anna.CreatePrivateRoom()})
	})
}

// TestTusGoesOnAfterACrash kills the server in the middle of a chunk, of one with a checksum, and when all bytes had
// come.
func TestTusGoesOnAfterACrash(t *testing.T) {
	harness.Long(t)
	onEachCrash(t, func(t *testing.T, p *harness.Process, run uploadRun) {
		content := harness.RandomBytes(1000 + 2*storedPart)
		path := run.CreateUpload(run.room.ID, len(content))
		run.PatchUpload(path, 0, content[:1000]).ExpectStatus(204)
		checked := run.CreateUpload(run.room.ID, len(content))
		run.PatchUpload(checked, 0, content[:1000]).ExpectStatus(204)
		complete := run.CreateUpload(run.room.ID, storedPart)

		beginChunk(run.Client, path, 1000, 2*storedPart, content[1000:1000+storedPart])
		guard := []string{"Upload-Checksum", checksum("sha256", content[1000:])}
		beginChunk(run.Client, checked, 1000, 2*storedPart, content[1000:1000+storedPart], guard...)
		beginChunk(run.Client, complete, 0, -1, content[:storedPart])
		stores(t, run.files, 2000+3*storedPart)
		p.Kill()
		p.Start()

		if got := run.UploadOffset(path); got != 1000+storedPart {
			t.Errorf("of %d bytes that were stored, %d are told of", 1000+storedPart, got)
		}
		if got := run.UploadOffset(checked); got != 1000 {
			t.Errorf("a chunk that was never checked is kept: %d bytes", got)
		}
		abandonUpload(run.Client, path, len(content))
		run.goOn(path, content)
		abandonUpload(run.Client, checked, len(content))
		expectComplete(run.Client, run.PatchUpload(checked, 1000, content[1000:], guard...).ExpectStatus(204), content)
		harness.Eventually(t, "the writer that was killed is forgotten", func() bool { return run.HeadUpload(complete).HTTP.StatusCode != 423 })
		expectComplete(run.Client, run.HeadUpload(complete).ExpectStatus(200), content[:storedPart])
	})
}

// TestTusCrashBeforeTheAnswer kills the server when a file's bytes are sealed, and the file is not in the database yet.
func TestTusCrashBeforeTheAnswer(t *testing.T) {
	onEachCrash(t, func(t *testing.T, p *harness.Process, run uploadRun) {
		content := harness.RandomBytes(100_000)
		ways := map[string]func(path string) *harness.Response{
			"HEAD":  func(path string) *harness.Response { return run.HeadUpload(path).ExpectStatus(200) },
			"PATCH": func(path string) *harness.Response { return run.PatchUpload(path, len(content), nil).ExpectStatus(204) },
		}
		paths := map[string]string{}
		for way := range ways {
			paths[way] = run.CreateUpload(run.room.ID, len(content))
			run.PatchUpload(paths[way], 0, content).ExpectStatus(204)
		}
		p.Kill()
		harness.Execute(t, run.database, "INSERT INTO doomed_blobs (key, due_at) SELECT blob, expires_at FROM uploads")
		harness.Execute(t, run.database, "UPDATE uploads SET file_id = ''")
		harness.Execute(t, run.database, "DELETE FROM files")
		p.Start()
		for way, ask := range ways {
			expectComplete(run.Client, ask(paths[way]), content)
		}
	})
}

// TestTusOnTwoNodes goes on at one node with what began at another.
func TestTusOnTwoNodes(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	for name, files := range map[string]func(t *testing.T) harness.Storage{
		"folder": func(t *testing.T) harness.Storage { return harness.FolderStorage(t.TempDir()) },
		"s3":     func(t *testing.T) harness.Storage { return harness.NewBucket(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, files := harness.NewPostgres(t), files(t)
			a, b := harness.StartServer(t, database, "--files", files.Location()), harness.StartServer(t, database, "--files", files.Location())
			anna := harness.NewClient(t, a.URL).NewGuest("anna")
			there := anna.AtServer(b.URL)
			room := anna.CreatePrivateRoom()
			content := harness.RandomBytes(3 * brokenPart)
			path := anna.CreateUpload(room.ID, len(content))
			harness.ExpectUploadOffset(there.HeadUpload(path).ExpectStatus(200), 0)
			writer := beginChunk(anna, path, 0, len(content), content[:brokenPart])
			stores(t, files, storedPart)
			there.PatchUpload(path, 0, content).ExpectProblem(423, models.CodeUploadConflict)
			writer.cut()
			abandonUpload(there, path, len(content))
			harness.ExpectUploadOffset(there.HeadUpload(path).ExpectStatus(200), brokenPart)
			there.PatchUpload(path, brokenPart, content[brokenPart:2*brokenPart]).ExpectStatus(204)
			whole := anna.PatchUpload(path, 2*brokenPart, content[2*brokenPart:]).ExpectStatus(204)
			expectComplete(there, whole, content)
			if id := there.HeadUpload(path).ExpectStatus(200).Header("Parley-File-Id"); id != whole.Header("Parley-File-Id") {
				t.Errorf("the nodes know of different files: %q, %q", id, whole.Header("Parley-File-Id"))
			}
		})
	}
}
