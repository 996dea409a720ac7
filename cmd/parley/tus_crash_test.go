package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// onEachCrash runs a test on a server that can be killed.
func onEachCrash(t *testing.T, f func(t *testing.T, p *process, run uploadRun)) {
	onTwoPairs(t, func(t *testing.T, database string, files storage) {
		p := startProcess(t, database, "--files", files.place())
		anna := newClient(t, p.url).newcomer("anna")
		f(t, p, uploadRun{client: anna, t: t, database: database, files: files, room: anna.privateRoom()})
	})
}

// TestTusGoesOnAfterACrash kills the server in the middle of a chunk, of one with a checksum, and when all bytes had come.
func TestTusGoesOnAfterACrash(t *testing.T) {
	long(t)
	onEachCrash(t, func(t *testing.T, p *process, run uploadRun) {
		content := noise(1000 + 2*storedPart)
		path := run.begin(run.room.ID, len(content))
		run.patch(path, 0, content[:1000]).status(204)
		checked := run.begin(run.room.ID, len(content))
		run.patch(checked, 0, content[:1000]).status(204)
		complete := run.begin(run.room.ID, storedPart)

		run.beginChunk(path, 1000, 2*storedPart, content[1000:1000+storedPart])
		guard := []string{"Upload-Checksum", checksum("sha256", content[1000:])}
		run.beginChunk(checked, 1000, 2*storedPart, content[1000:1000+storedPart], guard...)
		run.beginChunk(complete, 0, -1, content[:storedPart])
		stores(t, run.files, 2000+3*storedPart)
		p.kill()
		p.start()

		if got := run.offset(path); got != 1000+storedPart {
			t.Errorf("of %d bytes that were stored, %d are told of", 1000+storedPart, got)
		}
		if got := run.offset(checked); got != 1000 {
			t.Errorf("a chunk that was never checked is kept: %d bytes", got)
		}
		run.letGo(path, len(content))
		run.goOn(path, content)
		run.letGo(checked, len(content))
		run.isWhole(run.patch(checked, 1000, content[1000:], guard...).status(204), content)
		eventually(t, "the writer that was killed is forgotten", func() bool { return run.headUpload(complete).response.StatusCode != 423 })
		run.isWhole(run.headUpload(complete).status(200), content[:storedPart])
	})
}

// TestTusCrashBeforeTheAnswer kills the server when a file's bytes are sealed, and the file is not in the database yet.
func TestTusCrashBeforeTheAnswer(t *testing.T) {
	onEachCrash(t, func(t *testing.T, p *process, run uploadRun) {
		content := noise(100_000)
		ways := map[string]func(path string) *answer{
			"HEAD":  func(path string) *answer { return run.headUpload(path).status(200) },
			"PATCH": func(path string) *answer { return run.patch(path, len(content), nil).status(204) },
		}
		paths := map[string]string{}
		for way := range ways {
			paths[way] = run.begin(run.room.ID, len(content))
			run.patch(paths[way], 0, content).status(204)
		}
		p.kill()
		execute(t, run.database, "INSERT INTO doomed_blobs (key, due_at) SELECT blob, expires_at FROM uploads")
		execute(t, run.database, "UPDATE uploads SET file_id = ''")
		execute(t, run.database, "DELETE FROM files")
		p.start()
		for way, ask := range ways {
			run.isWhole(ask(paths[way]), content)
		}
	})
}

// TestTusOnTwoNodes goes on at one node with what began at another.
func TestTusOnTwoNodes(t *testing.T) {
	long(t)
	t.Parallel()
	for name, files := range map[string]func(t *testing.T) storage{
		"folder": func(t *testing.T) storage { return filesFolder(t.TempDir()) },
		"s3":     func(t *testing.T) storage { return newBucket(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, files := newPostgres(t), files(t)
			a, b := startServer(t, database, "--files", files.place()), startServer(t, database, "--files", files.place())
			anna := newClient(t, a.url).newcomer("anna")
			there := anna.at(b.url)
			room := anna.privateRoom()
			content := noise(3 * brokenPart)
			path := anna.begin(room.ID, len(content))
			at(there.headUpload(path).status(200), 0)
			writer := anna.beginChunk(path, 0, len(content), content[:brokenPart])
			stores(t, files, storedPart)
			there.patch(path, 0, content).problem(423, models.CodeUploadConflict)
			writer.cut()
			there.letGo(path, len(content))
			at(there.headUpload(path).status(200), brokenPart)
			there.patch(path, brokenPart, content[brokenPart:2*brokenPart]).status(204)
			whole := anna.patch(path, 2*brokenPart, content[2*brokenPart:]).status(204)
			there.isWhole(whole, content)
			if id := there.headUpload(path).status(200).header("Parley-File-Id"); id != whole.header("Parley-File-Id") {
				t.Errorf("the nodes know of different files: %q, %q", id, whole.header("Parley-File-Id"))
			}
		})
	}
}
