package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// maxMemoryGrowth is the growth of a server's memory, in bytes, that the tests allow while it receives uploads.
const maxMemoryGrowth = 32 << 20

// processMemory reads the value name of /proc/PID/status, in bytes.
func processMemory(p *harness.Process, name string) int64 {
	p.T.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	if err != nil {
		p.T.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB$`).FindSubmatch(status)
	if found == nil {
		p.T.Fatalf("no %s in %s", name, status)
	}
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		p.T.Fatal(err)
	}
	return kilobytes << 10
}

// peakMemoryGrowth returns the difference between the process' resident memory before f and its peak while f ran.
func peakMemoryGrowth(p *harness.Process, f func()) int64 {
	p.T.Helper()
	// Writing 5 resets VmHWM (proc(5)).
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.Cmd.Process.Pid), []byte("5"), 0o600); err != nil {
		p.T.Skipf("cannot measure the peak memory on this system: %v", err)
	}
	before := processMemory(p, "VmRSS")
	f()
	return processMemory(p, "VmHWM") - before
}

// pictureBomb is a small file that would need very much memory to decode.
type pictureBomb struct {
	name, mediaType string
	content         []byte
}

func pictureBombs(t testing.TB) []pictureBomb {
	const side = 60_000
	var little, big [2]byte
	binary.LittleEndian.PutUint16(little[:], side)
	binary.BigEndian.PutUint16(big[:], side)
	jpegHead := bytes.Join([][]byte{ // header of a baseline picture with three components
		{0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8}, big[:], big[:], {3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0},
		{0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0, 0xFF, 0xD9},
	}, nil)
	gifHead := bytes.Join([][]byte{
		[]byte("GIF89a"), little[:], little[:], {0x80, 0, 0, 0, 0, 0, 255, 255, 255, 0x2C, 0, 0, 0, 0}, little[:], little[:],
		{0, 2, 2, 0x4C, 1, 0, 0x3B},
	}, nil)
	bmpHead := make([]byte, 54)
	copy(bmpHead, "BM\xff\xff\xff\xff\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00")
	binary.LittleEndian.PutUint32(bmpHead[18:], side)
	binary.LittleEndian.PutUint32(bmpHead[22:], side)
	copy(bmpHead[26:], "\x01\x00\x18\x00")
	whole := flatPNG(t, 40_000, 40_000, 40_000)
	// Chunks whose length field is larger than the file: a metadata reader could allocate that much.
	oversized := func(kind string) []byte { return append([]byte{0x7F, 0xFF, 0xFF, 0xFF}, kind+"MM\x00\x2a"...) }
	small := flatPNG(t, 64, 64, 64)
	webP := []byte("RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\x00\x00\x00\x08\x00\x00\x00\x5f\xea\x00\x5f\xea\x00" +
		"EXIF\xf0\xff\xff\x7fMM\x00\x2a")
	return []pictureBomb{
		{"1,600 million pixels in a small file", "image/png", whole},
		{"3,600 million pixels declared, one row present", "image/png", flatPNG(t, side, side, 1)},
		{"3,600 million pixels declared in a GIF", "image/gif", gifHead},
		{"3,600 million pixels declared in a JPEG", "image/jpeg", jpegHead},
		{"3,600 million pixels declared in a BMP", "image/bmp", bmpHead},
		{"3,600 million pixels declared in a WebP", "image/webp", webP},
		{"one row of 2,000 million pixels", "image/png", flatPNG(t, 1<<31-1, 1, 0)},
		{"2 GB of metadata declared", "image/png", append(small[:33:33], oversized("eXIf")...)},
		{"2 GB of text declared", "image/png", append(small[:33:33], oversized("zTXt")...)},
	}
}

// TestPictureBombsAreNotDecoded uploads small pictures that would be huge when decoded. They are stored without
// a thumbnail, the server continues to work, and its memory does not grow.
func TestPictureBombsAreNotDecoded(t *testing.T) {
	t.Parallel()
	p := harness.StartMeasuredProcess(t, harness.NewSQLite(t), "--presence-room-limit", "0")
	anna := harness.NewClient(t, p.URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	uploadPhoto(anna, room.ID) // allocates name the first upload allocates once
	allBombs := pictureBombs(t)
	growth := peakMemoryGrowth(p, func() {
		for _, b := range allBombs {
			f := anna.UploadFile(room.ID, "bomb", b.mediaType, b.content)
			if f.MediaType != b.mediaType || f.Width != 0 || f.Height != 0 || f.ThumbnailURL != "" {
				t.Errorf("%s: got %+v", b.name, f)
			}
			m := sendAttached(anna, room.ID, f)
			if m.Files[0].ThumbnailURL != "" {
				t.Errorf("%s: the message's file is %+v, want no thumbnail", b.name, m.Files[0])
			}
			anna.Call("GET", "/v1/files/"+f.ID+"/thumbnail", nil).ExpectProblem(404, models.CodeNotFound)
		}
		uploadPhoto(anna, room.ID) // the next picture still gets a thumbnail
	})
	t.Logf("the memory grew by %d KB", growth>>10)
	if growth > maxMemoryGrowth {
		t.Errorf("the memory grew by %d MB, want at most %d MB", growth>>20, maxMemoryGrowth>>20)
	}
	if p.Terminate() != 0 {
		t.Error("the server did not exit with status 0")
	}
}
