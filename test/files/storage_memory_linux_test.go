package files

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// TestStorageMemory wants what the server needs for a file not to grow with the file.
func TestStorageMemory(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	const size, most = 200 << 20, 64 << 20
	p := harness.StartProcess(t, harness.NewPostgres(t), "--files", harness.NewBucket(t).Location(), "--max-file-size", "1GB")
	anna := harness.NewClient(t, p.URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	files := harness.RoomPath(room.ID) + "/files?name=noise.bin"
	anna.StreamRandom("POST", files, 3*brokenPart, "Content-Type", "application/octet-stream").ExpectStatus(201)
	anna.StreamRandom("PATCH", anna.CreateUpload(room.ID, 3*brokenPart), 3*brokenPart, harness.UploadHeaders(0)...).ExpectStatus(204)

	before := peakMemoryOf(p)
	anna.StreamRandom("POST", files, size/2, "Content-Type", "application/octet-stream").ExpectStatus(201)
	raw := peakMemoryOf(p) - before
	whole := anna.StreamRandom("PATCH", anna.CreateUpload(room.ID, size), size, harness.UploadHeaders(0)...).ExpectStatus(204)
	chunked := peakMemoryOf(p) - before
	anna.ExpectRandomFile(whole.Header("Parley-File-Id"), size)
	down := peakMemoryOf(p) - before
	t.Logf("the peak grew by %d KB with an upload of %d MB, %d KB with one of %d MB in a chunk, %d KB with its download",
		raw>>10, size>>21, chunked>>10, size>>20, down>>10)
	if down > most {
		t.Errorf("that is more than %d KB", most>>10)
	}
}

// peakMemoryOf is the most that the process ever held, in bytes.
func peakMemoryOf(p *harness.Process) int64 {
	p.T.Helper()
	p.Mu.Lock()
	defer p.Mu.Unlock()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	if err != nil {
		p.T.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nVmHWM:")
	value, _, found := strings.Cut(rest, " kB\n")
	kilobytes, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if !found || err != nil {
		p.T.Fatalf("no peak in %s", status)
	}
	return kilobytes << 10
}
