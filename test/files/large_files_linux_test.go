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

// largeFile is a size that no server could hold in its memory unnoticed: 2 GB, less where everything is slow.
func largeFile(t *testing.T) int64 {
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
		t.Skipf("the disk has %d bytes free, which is too little", free)
	}
	return size
}

// longBody is a long body: a block of random bytes, again and again, each time with its number in it.
type longBody struct {
	block  []byte
	left   int64
	ready  []byte // of the block
	blocks int
	digest hash.Hash
}

func newLongBody(size int64) *longBody {
	block := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(block) // never fails
	return &longBody{block: block, left: size, digest: sha256.New()}
}

func (n *longBody) Read(p []byte) (int, error) {
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

func (n *longBody) sum() string { return hex.EncodeToString(n.digest.Sum(nil)) }

// TestLargeFiles sends 2 GB up and down, as a file and in a message, and looks at how much more memory the server took.
func TestLargeFiles(t *testing.T) {
	harness.Long(t)
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	size := largeFile(t)
	p := harness.StartProcess(t, t.TempDir()+"/parley.db", "--max-file-size", "3GB")
	anna := harness.NewClient(t, p.URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	sendAttached(anna, room.ID, anna.UploadFile(room.ID, "small", "text/plain", []byte("hello"))) // what takes its memory once

	var f models.File
	wantModest := func(what string, f func()) {
		began := time.Now()
		grown := growthOf(p, f)
		t.Logf("%s: the memory grew by %d KB, in %v", what, grown>>10, time.Since(began))
		if grown > modestGrowth {
			t.Errorf("%s: the memory grew by %d MB", what, grown>>20)
		}
	}
	wantModest("upload", func() {
		body := newLongBody(size)
		anna.StreamBody("POST", harness.RoomPath(room.ID)+"/files?name=large.bin", body, size, "Content-Type", harness.OctetStream).ExpectStatus(201).Decode(&f)
		if f.Size != size || f.SHA256 != body.sum() {
			t.Errorf("got %+v, wanted the digest %s", f, body.sum())
		}
	})
	wantModest("download", func() {
		if got := anna.DownloadDigest(f); got != f.SHA256 {
			t.Errorf("what came down has the digest %s, wanted %s", got, f.SHA256)
		}
	})
	wantModest("message", func() {
		body := newLongBody(size / 4)
		form := harness.RawForm(harness.FieldPart("text", "see this"), harness.FilePart("large.bin", "HERE"))
		before, after, _ := strings.Cut(form, "HERE")
		var m models.Message
		anna.StreamBody("POST", harness.RoomPath(room.ID)+"/messages", io.MultiReader(strings.NewReader(before), body, strings.NewReader(after)), -1, "Content-Type", harness.FormMediaType).ExpectStatus(201).Decode(&m)
		if len(m.Files) != 1 || m.Files[0].SHA256 != body.sum() {
			t.Errorf("got %+v, wanted the digest %s", m, body.sum())
		}
	})
	wantModest("picture", func() { expectNotDecoded(anna, room.ID, size/4) })
}

// expectNotDecoded uploads a large file of which the first bytes say that it is a picture, described at its end.
func expectNotDecoded(c *harness.Client, roomID, size int64) {
	c.T.Helper()
	body := newLongBody(size)
	head := binary.LittleEndian.AppendUint32([]byte("II*\x00"), uint32(size))
	tail := make([]byte, 1000)
	tail[0] = 10 // entries of a directory
	var f models.File
	whole := io.MultiReader(bytes.NewReader(head), io.LimitReader(body, size-int64(len(head))), bytes.NewReader(tail))
	c.StreamBody("POST", harness.RoomPath(roomID)+"/files?name=large.tif", whole, -1, "Content-Type", "image/tiff").ExpectStatus(201).Decode(&f)
	if f.MediaType != "image/tiff" || f.ThumbnailURL != "" {
		c.T.Errorf("got %+v", f)
	}
}
