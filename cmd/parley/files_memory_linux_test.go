package main

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
	long(t)
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	size := largeFile(t)
	p := startProcess(t, t.TempDir()+"/parley.db", "--max-file-size", "3GB")
	anna := newClient(t, p.url).newcomer("anna")
	room := anna.privateRoom()
	anna.attach(room.ID, anna.upload(room.ID, "small", "text/plain", []byte("hello"))) // what takes its memory once

	var f models.File
	wantModest := func(what string, f func()) {
		began := time.Now()
		grown := p.peakGrowth(f)
		t.Logf("%s: the memory grew by %d KB, in %v", what, grown>>10, time.Since(began))
		if grown > modestGrowth {
			t.Errorf("%s: the memory grew by %d MB", what, grown>>20)
		}
	}
	wantModest("upload", func() {
		body := newLongBody(size)
		anna.stream("POST", roomPath(room.ID)+"/files?name=large.bin", body, size, "Content-Type", anyType).status(201).into(&f)
		if f.Size != size || f.SHA256 != body.sum() {
			t.Errorf("got %+v, wanted the digest %s", f, body.sum())
		}
	})
	wantModest("download", func() {
		if got := anna.digest(f); got != f.SHA256 {
			t.Errorf("what came down has the digest %s, wanted %s", got, f.SHA256)
		}
	})
	wantModest("message", func() {
		body := newLongBody(size / 4)
		form := rawForm(fieldPart("text", "see this"), filePart("large.bin", "HERE"))
		before, after, _ := strings.Cut(form, "HERE")
		var m models.Message
		anna.stream("POST", roomPath(room.ID)+"/messages", io.MultiReader(strings.NewReader(before), body, strings.NewReader(after)), -1, "Content-Type", goodType).status(201).into(&m)
		if len(m.Files) != 1 || m.Files[0].SHA256 != body.sum() {
			t.Errorf("got %+v, wanted the digest %s", m, body.sum())
		}
	})
	wantModest("picture", func() { anna.wantNotDecoded(room.ID, size/4) })
}

// wantNotDecoded uploads a large file of which the first bytes say that it is a picture, described at its end.
func (c *client) wantNotDecoded(roomID, size int64) {
	c.t.Helper()
	body := newLongBody(size)
	head := binary.LittleEndian.AppendUint32([]byte("II*\x00"), uint32(size))
	tail := make([]byte, 1000)
	tail[0] = 10 // entries of a directory
	var f models.File
	whole := io.MultiReader(bytes.NewReader(head), io.LimitReader(body, size-int64(len(head))), bytes.NewReader(tail))
	c.stream("POST", roomPath(roomID)+"/files?name=large.tif", whole, -1, "Content-Type", "image/tiff").status(201).into(&f)
	if f.MediaType != "image/tiff" || f.ThumbnailURL != "" {
		c.t.Errorf("got %+v", f)
	}
}
