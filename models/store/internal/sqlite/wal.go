package sqlite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
)

// sqliteLog is what SQLite would apply of a write-ahead log (https://www.sqlite.org/fileformat.html, section 4): the
// pages up to the last complete commit.
type sqliteLog struct {
	pageSize int64           // bytes
	runs     map[uint32]bool // in the copies of the database's first page
	pages    map[uint32]bool // those that have a copy
	length   uint32          // of the database after the last commit, in pages
}

const (
	logHeaderLength   = 32
	frameHeaderLength = 24
	logMagic          = 0x377f0682 // the last bit is set when checksums are of big-endian words
	lockBytes         = 1 << 30    // where SQLite locks files: that page is never written
)

// readLog reads a log; nil for one that does not exist, or of which SQLite would apply nothing.
func readLog(path string) (*sqliteLog, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	in := bufio.NewReaderSize(file, 1<<20)
	head := make([]byte, logHeaderLength)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, endOfLog(err)
	}
	magic := binary.BigEndian.Uint32(head)
	sum := checksum{order: binary.LittleEndian}
	if magic&1 == 1 {
		sum.order = binary.BigEndian
	}
	sum.add(head[:24])
	pageSize := binary.BigEndian.Uint32(head[8:])
	if magic&^1 != logMagic || !sum.is(head[24:]) || pageSize < 512 || pageSize > 65536 {
		return nil, nil
	}
	log := &sqliteLog{pageSize: int64(pageSize), runs: map[uint32]bool{}, pages: map[uint32]bool{}}
	err = log.read(in, sum, string(head[16:24]))
	if err != nil || log.length == 0 {
		return nil, err
	}
	return log, nil
}

// read reads frames, as long as they are complete and have the salts of the log's header.
func (l *sqliteLog) read(in io.Reader, sum checksum, salts string) error {
	frame := make([]byte, frameHeaderLength+l.pageSize)
	pages, runs := map[uint32]bool{}, map[uint32]bool{} // not yet committed
	for {
		if _, err := io.ReadFull(in, frame); err != nil {
			return endOfLog(err)
		}
		sum.add(frame[:8])
		sum.add(frame[frameHeaderLength:])
		if string(frame[8:16]) != salts || !sum.is(frame[16:]) {
			return nil
		}
		number := binary.BigEndian.Uint32(frame)
		pages[number] = true
		if number == 1 {
			runs[binary.BigEndian.Uint32(frame[frameHeaderLength+runAt:])] = true
		}
		if length := binary.BigEndian.Uint32(frame[4:]); length > 0 { // a commit
			l.length = length
			for n := range pages {
				l.pages[n] = true
			}
			for r := range runs {
				l.runs[r] = true
			}
			clear(pages)
			clear(runs)
		}
	}
}

// missingAfter returns the first page beyond a file's end that the log does not have either; 0 for none.
func (l *sqliteLog) missingAfter(end int64) int64 {
	for n := end + 1; n <= int64(l.length); n++ {
		if !l.pages[uint32(n)] && n != lockBytes/l.pageSize+1 {
			return n
		}
	}
	return 0
}

// endOfLog is nil for the end of a file, wherever that is.
func endOfLog(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// checksum is the running checksum of a log.
type checksum struct {
	order binary.ByteOrder
	a, b  uint32
}

func (c *checksum) add(words []byte) {
	for i := 0; i+8 <= len(words); i += 8 {
		c.a += c.order.Uint32(words[i:]) + c.b
		c.b += c.order.Uint32(words[i+4:]) + c.a
	}
}

// is reports whether the checksum is the one in b, which is big-endian in either case.
func (c *checksum) is(b []byte) bool {
	return c.a == binary.BigEndian.Uint32(b) && c.b == binary.BigEndian.Uint32(b[4:])
}
