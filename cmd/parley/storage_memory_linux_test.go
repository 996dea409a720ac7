package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestStorageMemory wants what the server needs for a file not to grow with the file.
func TestStorageMemory(t *testing.T) {
	long(t)
	t.Parallel()
	const size, most = 200 << 20, 64 << 20
	p := startProcess(t, newPostgres(t), "--files", newBucket(t).place(), "--max-file-size", "1GB")
	anna := newClient(t, p.url).newcomer("anna")
	room := anna.privateRoom()
	files := roomPath(room.ID) + "/files?name=noise.bin"
	anna.streamNoise("POST", files, 3*brokenPart, "Content-Type", "application/octet-stream").status(201)
	anna.streamNoise("PATCH", anna.begin(room.ID, 3*brokenPart), 3*brokenPart, chunkHead(0)...).status(204)

	before := p.memoryPeak()
	anna.streamNoise("POST", files, size/2, "Content-Type", "application/octet-stream").status(201)
	raw := p.memoryPeak() - before
	whole := anna.streamNoise("PATCH", anna.begin(room.ID, size), size, chunkHead(0)...).status(204)
	chunked := p.memoryPeak() - before
	anna.isNoise(whole.header("Parley-File-Id"), size)
	down := p.memoryPeak() - before
	t.Logf("the peak grew by %d KB with an upload of %d MB, %d KB with one of %d MB in a chunk, %d KB with its download",
		raw>>10, size>>21, chunked>>10, size>>20, down>>10)
	if down > most {
		t.Errorf("that is more than %d KB", most>>10)
	}
}

// memoryPeak is the most that the process ever held, in bytes.
func (p *process) memoryPeak() int64 {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nVmHWM:")
	value, _, found := strings.Cut(rest, " kB\n")
	kilobytes, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if !found || err != nil {
		p.t.Fatalf("no peak in %s", status)
	}
	return kilobytes << 10
}
