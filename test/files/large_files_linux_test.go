package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// largeFileSize returns the size of a file that would be noticed in the server's memory: 2 GB, or 512 MB with -race,
// which is slow.
func largeFileSize(t *testing.T) int64 {
	size := int64(2_000_000_000)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" && s.Value == "true" {
				size = 512_000_000
			}
		}
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(t.TempDir(), &disk); err != nil {
		t.Fatal(err)
	}
	if free := int64(disk.Bavail) * disk.Bsize; free < 4*size {
		harness.Missing(t, "the disk has %d bytes free, which is not enough", free)
	}
	return size
}

// randomBody is a request body that repeats a block of random bytes, each time with its number in it.
type randomBody struct {
	block  []byte
	left   int64
	ready  []byte // the unread part of block
	blocks int
	digest hash.Hash
}

func newRandomBody(size int64) *randomBody {
	block := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(block) // never fails
	return &randomBody{block: block, left: size, digest: sha256.New()}
}

func (n *randomBody) Read(p []byte) (int, error) {
	if n.left == 0 {
		return 0, io.EOF
	}
	if len(n.ready) == 0 {
		n.blocks++
		copy(n.block, fmt.Sprintf("block %d;", n.blocks))
		n.ready = n.block
	}
	m := copy(p[:min(int64(len(p)), n.left)], n.ready)
	n.ready, n.left = n.ready[m:], n.left-int64(m)
	_, _ = n.digest.Write(p[:m]) // never fails
	return m, nil
}

func (n *randomBody) sum() string { return hex.EncodeToString(n.digest.Sum(nil)) }

// TestLargeFilesNeedLittleMemory uploads and downloads 2 GB, as a file and in a message, and measures the growth of the
// server's memory.
func TestLargeFilesNeedLittleMemory(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	size := largeFileSize(t)
	p := harness.StartMeasuredProcess(t, harness.NewSQLite(t), "--max-file-size", "3GB")
	anna := harness.NewClient(t, p.URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	// The first upload and message allocate memory that stays allocated: do not count it.
	sendAttached(anna, room.ID, anna.UploadFile(room.ID, "small", "text/plain", []byte("hello")))

	var f models.File
	expectLittleMemory := func(name string, f func()) {
		start := time.Now()
		growth := peakMemoryGrowth(p, f)
		t.Logf("%s: the memory grew by %d KB, in %v", name, growth>>10, time.Since(start))
		if growth > maxMemoryGrowth {
			t.Errorf("%s: the memory grew by %d MB, want at most %d MB", name, growth>>20, maxMemoryGrowth>>20)
		}
	}
	expectLittleMemory("upload", func() {
		body := newRandomBody(size)
		anna.StreamBody("POST", harness.RoomPath(room.ID)+"/files?name=large.bin", body, size, "Content-Type",
			harness.OctetStream).ExpectStatus(201).Decode(&f)
		if f.Size != size || f.SHA256 != body.sum() {
			t.Errorf("got %+v, want the digest %s", f, body.sum())
		}
	})
	expectLittleMemory("download", func() {
		if got := anna.DownloadDigest(f); got != f.SHA256 {
			t.Errorf("the download has the digest %s, want %s", got, f.SHA256)
		}
	})
	expectLittleMemory("message", func() {
		body := newRandomBody(size / 4)
		form := harness.RawForm(harness.FieldPart("text", "see this"), harness.FilePart("large.bin", "HERE"))
		before, after, _ := strings.Cut(form, "HERE")
		var m models.Message
		anna.StreamBody("POST", harness.RoomPath(room.ID)+"/messages/form",
			io.MultiReader(strings.NewReader(before), body, strings.NewReader(after)), -1, "Content-Type",
			harness.FormMediaType).ExpectStatus(201).Decode(&m)
		if len(m.Files) != 1 || m.Files[0].SHA256 != body.sum() {
			t.Errorf("got %+v, want the digest %s", m, body.sum())
		}
	})
	expectLittleMemory("picture", func() { expectNotDecoded(anna, room.ID, size/4) })
}

// expectNotDecoded uploads a large TIFF whose header points to a directory at its end, and expects no thumbnail.
func expectNotDecoded(c *harness.Client, roomID, size int64) {
	c.T.Helper()
	body := newRandomBody(size)
	head := binary.LittleEndian.AppendUint32([]byte("II*\x00"), uint32(size))
	tail := make([]byte, 1000)
	tail[0] = 10 // entries of a directory
	var f models.File
	whole := io.MultiReader(bytes.NewReader(head), io.LimitReader(body, size-int64(len(head))), bytes.NewReader(tail))
	c.StreamBody("POST", harness.RoomPath(roomID)+"/files?name=large.tif", whole, -1, "Content-Type", "image/tiff").
		ExpectStatus(201).Decode(&f)
	if f.MediaType != "image/tiff" || f.ThumbnailURL != "" {
		c.T.Errorf("got %+v", f)
	}
}
