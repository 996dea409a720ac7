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

// modestGrowth is what the memory of a server may grow by while it takes whatever is sent to it.
const modestGrowth = 32 << 20

// memoryOf reads a figure of the process from /proc, in bytes.
func memoryOf(p *harness.Process, name string) int64 {
	p.T.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	if err != nil {
		p.T.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB$`).FindSubmatch(status)
	if found == nil {
		p.T.Fatalf("there is no %s in %s", name, status)
	}
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		p.T.Fatal(err)
	}
	return kilobytes << 10
}

// growthOf is how much more memory the process held at the most while f ran than it holds before.
func growthOf(p *harness.Process, f func()) int64 {
	p.T.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.Cmd.Process.Pid), []byte("5"), 0o600); err != nil { // VmHWM begins anew
		p.T.Skipf("the peak of memory cannot be measured here: %v", err)
	}
	before := memoryOf(p, "VmRSS")
	f()
	return memoryOf(p, "VmHWM") - before
}

// bomb is a picture that is not what it takes to be decoded.
type bomb struct {
	what, mediaType string
	content         []byte
}

func bombs(t testing.TB) []bomb {
	const side = 60_000
	var little, big [2]byte
	binary.LittleEndian.PutUint16(little[:], side)
	binary.BigEndian.PutUint16(big[:], side)
	jpegHead := bytes.Join([][]byte{ // of a baseline picture with three components
		{0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8}, big[:], big[:], {3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0},
		{0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0, 0xFF, 0xD9},
	}, nil)
	gifHead := bytes.Join([][]byte{
		[]byte("GIF89a"), little[:], little[:], {0x80, 0, 0, 0, 0, 0, 255, 255, 255, 0x2C, 0, 0, 0, 0}, little[:], little[:], {0, 2, 2, 0x4C, 1, 0, 0x3B},
	}, nil)
	bmpHead := make([]byte, 54)
	copy(bmpHead, "BM\xff\xff\xff\xff\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00")
	binary.LittleEndian.PutUint32(bmpHead[18:], side)
	binary.LittleEndian.PutUint32(bmpHead[22:], side)
	copy(bmpHead[26:], "\x01\x00\x18\x00")
	whole := flatPNG(t, 40_000, 40_000, 40_000)
	// Chunks that say that they are longer than the file is, where a reader of metadata might believe it.
	says := func(kind string) []byte { return append([]byte{0x7F, 0xFF, 0xFF, 0xFF}, kind+"MM\x00\x2a"...) }
	small := flatPNG(t, 64, 64, 64)
	webP := []byte("RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\x00\x00\x00\x08\x00\x00\x00\x5f\xea\x00\x5f\xea\x00EXIF\xf0\xff\xff\x7fMM\x00\x2a")
	return []bomb{
		{"1,600 million pixels in a small file", "image/png", whole},
		{"3,600 million pixels, which are not there", "image/png", flatPNG(t, side, side, 1)},
		{"as many in a GIF", "image/gif", gifHead},
		{"as many in a JPEG", "image/jpeg", jpegHead},
		{"as many in a BMP", "image/bmp", bmpHead},
		{"as many in a WebP", "image/webp", webP},
		{"a line of 2,000 million pixels", "image/png", flatPNG(t, 1<<31-1, 1, 0)},
		{"metadata of 2 GB", "image/png", append(small[:33:33], says("eXIf")...)},
		{"a text of 2 GB", "image/png", append(small[:33:33], says("zTXt")...)},
	}
}

// TestPictureBombs uploads pictures that are small until somebody decodes them. They are stored, or refused; none is
// decoded, the server goes on, and its memory does not grow.
func TestPictureBombs(t *testing.T) {
	t.Parallel()
	p := harness.StartProcess(t, t.TempDir()+"/parley.db", "--presence-room-limit", "0")
	anna := harness.NewClient(t, p.URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	uploadPhoto(anna, room.ID) // what is done for the first time takes its memory once
	explosives := bombs(t)
	grown := growthOf(p, func() {
		for _, b := range explosives {
			f := anna.UploadFile(room.ID, "bomb", b.mediaType, b.content)
			if f.MediaType != b.mediaType || f.Width != 0 || f.Height != 0 || f.ThumbnailURL != "" {
				t.Errorf("%s: got %+v", b.what, f)
			}
			m := sendAttached(anna, room.ID, f)
			if m.Files[0].ThumbnailURL != "" {
				t.Errorf("%s: the message has %+v", b.what, m.Files[0])
			}
			anna.Call("GET", "/v1/files/"+f.ID+"/thumbnail", nil).ExpectProblem(404, models.CodeNotFound)
		}
		uploadPhoto(anna, room.ID) // whose thumbnail is made after all of these
	})
	t.Logf("the memory grew by %d KB", grown>>10)
	if grown > modestGrowth {
		t.Errorf("the memory grew by %d MB", grown>>20)
	}
	if p.Terminate() != 0 {
		t.Error("the server did not end well")
	}
}
