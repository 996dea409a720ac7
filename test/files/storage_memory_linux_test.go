package files

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// TestStorageMemoryIsBounded checks that the memory that the server needs for a file does not depend on its size.
func TestStorageMemoryIsBounded(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	const size, maxGrowth = 200 << 20, 64 << 20
	p := harness.StartMeasuredProcess(t, harness.NewPostgres(t), "--files", harness.NewBucket(t).Location(),
		"--max-file-size", "1GB")
	anna := harness.NewClient(t, p.URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	files := harness.RoomPath(room.ID) + "/files?name=noise.bin"
	anna.StreamRandom("POST", files, 3*partialBody, "Content-Type", "application/octet-stream").ExpectStatus(201)
	anna.StreamRandom("PATCH", anna.CreateUpload(room.ID, 3*partialBody), 3*partialBody, harness.UploadHeaders(0)...).
		ExpectStatus(204)

	before := peakMemory(p)
	anna.StreamRandom("POST", files, size/2, "Content-Type", "application/octet-stream").ExpectStatus(201)
	raw := peakMemory(p) - before
	whole := anna.StreamRandom("PATCH", anna.CreateUpload(room.ID, size), size, harness.UploadHeaders(0)...).
		ExpectStatus(204)
	chunked := peakMemory(p) - before
	anna.ExpectRandomFile(whole.Header("Parley-File-Id"), size)
	down := peakMemory(p) - before
	t.Logf("the peak grew by %d KB after an upload of %d MB, %d KB after a tus upload of %d MB, %d KB after its download",
		raw>>10, size>>21, chunked>>10, size>>20, down>>10)
	if down > maxGrowth {
		t.Errorf("the peak grew by %d KB, want at most %d KB", down>>10, maxGrowth>>10)
	}
}

// peakMemory returns the peak resident memory of the process since its start, in bytes.
func peakMemory(p *harness.Process) int64 {
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
		p.T.Fatalf("no VmHWM in %s", status)
	}
	return kilobytes << 10
}
