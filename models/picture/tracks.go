package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/parley-chat/parley/models/internal/readerror"
)

// tracks says which kinds of tracks a container has.
type tracks struct{ audio, video bool }

// cameraRaw is the brand of Canon's CR3: raw pictures in an MP4 container, which no player plays.
const cameraRaw = "crx "

// audioTypes maps the media type of a container to the one for audio without video.
var audioTypes = map[string]string{
	"video/mp4": "audio/mp4", "video/x-m4v": "audio/mp4", "video/quicktime": "audio/mp4",
	"video/3gpp": "audio/3gpp", "video/3gpp2": "audio/3gpp2", "video/webm": "audio/webm",
	"video/matroska": "audio/matroska", "video/x-matroska": "audio/matroska",
	"video/ogg": "audio/ogg", "application/ogg": "audio/ogg", "audio/ogg": "audio/ogg",
}

// maxElements limits how much of a container is read: its headers are at its start, or after one large part.
const maxElements = 2000

// detectTracks reads the tracks of a container whose type is in audioTypes, and returns its media type. asSound is
// the type if the client says that it is audio, "" if the tracks decide. It returns only errors of r.
func detectTracks(r io.ReadSeeker, mediaType string) (kind, asSound string, err error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return mediaType, "", err
	}
	from := readerror.Reader{From: r}
	f := &forwardReader{from: &from, r: r, in: bufio.NewReader(&from)}
	sound := audioTypes[mediaType]
	var t tracks
	switch sound {
	case "audio/ogg":
		t = f.ogg()
		mediaType = "application/ogg"
		if t.video {
			mediaType = "video/ogg"
		}
	case "audio/webm", "audio/matroska":
		t = f.matroska()
	default:
		var brand string
		if brand, t = f.mp4(); brand == cameraRaw {
			return "image/x-canon-cr3", "", from.Err
		}
	}
	switch {
	case t.video:
		return mediaType, "", from.Err
	case t.audio:
		return sound, "", from.Err
	}
	return mediaType, sound, from.Err
}

// forwardReader reads sequentially, and skips large parts without reading them.
type forwardReader struct {
	from *readerror.Reader
	r    io.ReadSeeker // the reader below from
	in   *bufio.Reader // reads from it
}

// minSeek is from how many bytes on a seek is cheaper than reading: on S3 it is a request.
const minSeek = 256 << 10

// skip skips n bytes, and reports whether there may be more after them.
func (f *forwardReader) skip(n uint64) bool {
	if n < minSeek {
		_, err := f.in.Discard(int(n))
		return err == nil
	}
	if n > 1<<62 {
		return false
	}
	buffered := int64(f.in.Buffered())
	if _, err := f.r.Seek(int64(n)-buffered, io.SeekCurrent); err != nil {
		return false
	}
	f.in.Reset(f.from)
	return true
}

// mp4 reads the boxes of ISO/IEC 14496-12: the brand in ftyp, and the handlers of the tracks in moov.
func (f *forwardReader) mp4() (brand string, t tracks) {
	var head [8]byte
	for range maxElements {
		if _, err := io.ReadFull(f.in, head[:]); err != nil {
			break
		}
		size, kind, taken := uint64(binary.BigEndian.Uint32(head[:])), string(head[4:]), uint64(len(head))
		if size == 1 { // the size follows, in 64 bits
			if _, err := io.ReadFull(f.in, head[:]); err != nil {
				break
			}
			size, taken = binary.BigEndian.Uint64(head[:]), 2*taken
		}
		switch kind {
		case "moov", "trak", "mdia": // read the boxes in it
			continue
		case "moof": // a fragment; all headers come before
			return brand, t
		}
		if size < taken { // up to the end of the file, or broken
			break
		}
		start, _ := f.in.Peek(int(min(size-taken, 12)))
		switch {
		case kind == "ftyp" && len(start) >= 4:
			brand = string(start[:4])
		case kind == "hdlr" && len(start) == 12:
			t.audio = t.audio || string(start[8:]) == "soun"
			t.video = t.video || string(start[8:]) == "vide"
		}
		if !f.skip(size - taken) {
			break
		}
	}
	return brand, t
}

// The elements of Matroska (RFC 9559) that lead to the types of tracks.
const (
	segmentID    = 0x18538067
	tracksID     = 0x1654AE6B
	trackEntryID = 0xAE
	trackTypeID  = 0x83
	filmTrack    = 1
	soundTrack   = 2
)

// matroska reads the tracks of Matroska and WebM.
func (f *forwardReader) matroska() (t tracks) {
	for range maxElements {
		id, idLength := f.variable(4)
		size, sizeLength := f.variable(8)
		if idLength == 0 || sizeLength == 0 {
			break
		}
		size &^= 1 << (7 * sizeLength) // without the length marker
		switch id {
		case segmentID, tracksID, trackEntryID: // read the elements in it
			continue
		case trackTypeID:
			kind, _ := f.in.Peek(int(min(size, 8)))
			kind = bytes.TrimLeft(kind, "\x00")
			t.video = t.video || len(kind) == 1 && kind[0] == filmTrack
			t.audio = t.audio || len(kind) == 1 && kind[0] == soundTrack
		}
		if size == 1<<(7*sizeLength)-1 || !f.skip(size) { // of unknown size: a cluster of a live recording
			break
		}
	}
	return t
}

// variable reads a variable-length integer of EBML including its length marker. The length is 0 if it is invalid.
func (f *forwardReader) variable(maxLength int) (value uint64, length int) {
	first, err := f.in.ReadByte()
	if err != nil {
		return 0, 0
	}
	length = bits.LeadingZeros8(first) + 1
	if length > maxLength {
		return 0, 0
	}
	value = uint64(first)
	for range length - 1 {
		next, err := f.in.ReadByte()
		if err != nil {
			return 0, 0
		}
		value = value<<8 | uint64(next)
	}
	return value, length
}

// The start of the first page of an Ogg stream, by codec.
var (
	oggSounds = []string{"\x01vorbis", "OpusHead", "Speex   ", "\x7fFLAC", "fLaC", "PCM     ", "CELT    "}
	oggFilms  = []string{"\x80theora", "BBCD\x00", "OVP80", "\x80daala", "\x01video"}
)

// ogg reads the first pages of the streams of an Ogg file (RFC 3533), which all come first.
func (f *forwardReader) ogg() (t tracks) {
	const begins = 2
	var head [27]byte
	for range maxElements {
		if _, err := io.ReadFull(f.in, head[:]); err != nil || string(head[:4]) != "OggS" || head[5]&begins == 0 {
			break
		}
		lengths := make([]byte, head[26])
		if _, err := io.ReadFull(f.in, lengths); err != nil {
			break
		}
		size := 0
		for _, n := range lengths {
			size += int(n)
		}
		start, _ := f.in.Peek(min(size, 8))
		t.audio = t.audio || beginsWith(start, oggSounds)
		t.video = t.video || beginsWith(start, oggFilms)
		if !f.skip(uint64(size)) {
			break
		}
	}
	return t
}

func beginsWith(b []byte, starts []string) bool {
	for _, start := range starts {
		if bytes.HasPrefix(b, []byte(start)) {
			return true
		}
	}
	return false
}
