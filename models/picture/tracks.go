package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
)

// tracks is what a container of sounds and films says that it holds.
type tracks struct{ sound, film bool }

// cameraRaw is the brand of Canon's CR3: raw pictures in the container of MP4, which nothing plays.
const cameraRaw = "crx "

// soundTypes are what a container's media type is when there is sound in it, and no film.
var soundTypes = map[string]string{
	"video/mp4": "audio/mp4", "video/x-m4v": "audio/mp4", "video/quicktime": "audio/mp4",
	"video/3gpp": "audio/3gpp", "video/3gpp2": "audio/3gpp2", "video/webm": "audio/webm",
	"video/matroska": "audio/matroska", "video/x-matroska": "audio/matroska",
	"video/ogg": "audio/ogg", "application/ogg": "audio/ogg", "audio/ogg": "audio/ogg",
}

// mostElements bounds how much of a container is looked at: its heads are at its start, or behind one large part.
const mostElements = 2000

// tell reads the tracks of a container of one of soundTypes, and its media type for that. asSound is what it is if its
// client says that it is sound, "" where the bytes tell. An error is r's own.
func tell(r io.ReadSeeker, mediaType string) (is, asSound string, err error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return mediaType, "", err
	}
	from := source{r: r}
	f := &forward{from: &from, r: r, in: bufio.NewReader(&from)}
	sound := soundTypes[mediaType]
	var t tracks
	switch sound {
	case "audio/ogg":
		t = f.ogg()
		mediaType = "application/ogg"
		if t.film {
			mediaType = "video/ogg"
		}
	case "audio/webm", "audio/matroska":
		t = f.matroska()
	default:
		var brand string
		if brand, t = f.mp4(); brand == cameraRaw {
			return "image/x-canon-cr3", "", from.err
		}
	}
	switch {
	case t.film:
		return mediaType, "", from.err
	case t.sound:
		return sound, "", from.err
	}
	return mediaType, sound, from.err
}

// forward reads on and on, and skips what is large without reading it.
type forward struct {
	from *source
	r    io.ReadSeeker // from's
	in   *bufio.Reader // of from
}

// longSkip is from how many bytes on seeking is cheaper than reading: where files are in S3, it is a request.
const longSkip = 256 << 10

// skip passes n bytes over, and reports whether there may be more behind them.
func (f *forward) skip(n uint64) bool {
	if n < longSkip {
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

// mp4 reads the boxes of ISO/IEC 14496-12: the brand of ftyp, and the handlers of the tracks in moov.
func (f *forward) mp4() (brand string, t tracks) {
	var head [8]byte
	for range mostElements {
		if _, err := io.ReadFull(f.in, head[:]); err != nil {
			break
		}
		size, kind, taken := uint64(binary.BigEndian.Uint32(head[:])), string(head[4:]), uint64(len(head))
		if size == 1 { // a long one follows
			if _, err := io.ReadFull(f.in, head[:]); err != nil {
				break
			}
			size, taken = binary.BigEndian.Uint64(head[:]), 2*taken
		}
		switch kind {
		case "moov", "trak", "mdia": // whose boxes come next
			continue
		case "moof": // a fragment: all heads were before it
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
			t.sound = t.sound || string(start[8:]) == "soun"
			t.film = t.film || string(start[8:]) == "vide"
		}
		if !f.skip(size - taken) {
			break
		}
	}
	return brand, t
}

// The elements of Matroska (RFC 9559) on the way to the kinds of tracks.
const (
	segmentID    = 0x18538067
	tracksID     = 0x1654AE6B
	trackEntryID = 0xAE
	trackTypeID  = 0x83
	filmTrack    = 1
	soundTrack   = 2
)

// matroska reads the tracks of Matroska and WebM.
func (f *forward) matroska() (t tracks) {
	for range mostElements {
		id, idLength := f.variable(4)
		size, sizeLength := f.variable(8)
		if idLength == 0 || sizeLength == 0 {
			break
		}
		size &^= 1 << (7 * sizeLength) // without the marker of its length
		switch id {
		case segmentID, tracksID, trackEntryID: // whose elements come next
			continue
		case trackTypeID:
			kind, _ := f.in.Peek(int(min(size, 8)))
			kind = bytes.TrimLeft(kind, "\x00")
			t.film = t.film || len(kind) == 1 && kind[0] == filmTrack
			t.sound = t.sound || len(kind) == 1 && kind[0] == soundTrack
		}
		if size == 1<<(7*sizeLength)-1 || !f.skip(size) { // as long as it gets: a cluster of what is still recorded
			break
		}
	}
	return t
}

// variable reads an integer of EBML with the marker of its length, which is 0 where there is none.
func (f *forward) variable(most int) (value uint64, length int) {
	first, err := f.in.ReadByte()
	if err != nil {
		return 0, 0
	}
	length = bits.LeadingZeros8(first) + 1
	if length > most {
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

// What the first page of an Ogg stream begins with, for each codec.
var (
	oggSounds = []string{"\x01vorbis", "OpusHead", "Speex   ", "\x7fFLAC", "fLaC", "PCM     ", "CELT    "}
	oggFilms  = []string{"\x80theora", "BBCD\x00", "OVP80", "\x80daala", "\x01video"}
)

// ogg reads the pages that begin the streams of an Ogg file (RFC 3533), all of which come first.
func (f *forward) ogg() (t tracks) {
	const begins = 2
	var head [27]byte
	for range mostElements {
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
		t.sound = t.sound || beginsWith(start, oggSounds)
		t.film = t.film || beginsWith(start, oggFilms)
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
