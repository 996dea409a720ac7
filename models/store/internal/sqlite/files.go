package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
)

// SQLite's files beside the database: its write-ahead log, the index of that, and the log of its older way of working.
const (
	logEnding     = "-wal"
	indexEnding   = "-shm"
	journalEnding = "-journal"
)

// Nothing in a database file says which log belongs to it, and SQLite applies whatever lies beside it: the log of a newer
// state to a backup that was put in its place, which makes one broken database of two good ones. So each run, from one
// start to the next, has a number. It stands in the header of the database's file, where SQLite keeps user_version for its
// users, thereby in each copy of the file's first page that comes into the run's log, and in the mark beside the file. It
// changes while there is no log.
//
// A log whose run is another one's than the file's is refused. So is one with pages that do not follow on the file's end,
// which tells the log of a later hour of the same run. What remains is a file that was copied while the server ran, and put
// back beside the log of the same run before the database grew: copies of that kind are broken without their log anyway.

// header is what counts of a SQLite file's first 100 bytes (https://www.sqlite.org/fileformat.html).
type header struct {
	size     int64  // of the file, in bytes
	pageSize int64  // bytes
	logs     bool   // whether it was set to have a write-ahead log
	run      uint32 // user_version; 0 for none
}

const (
	headerLength = 100
	headerMagic  = "SQLite format 3\x00"
	versionsAt   = 18 // of the formats for writing and reading; 2 for a write-ahead log
	runAt        = 60
)

// readHeader reads a database's header; nil for a file that is not there, or has nothing yet.
func readHeader(path string) (*header, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return nil, err
	}
	var b [headerLength]byte
	if _, err := io.ReadFull(file, b[:]); err != nil || string(b[:len(headerMagic)]) != headerMagic {
		return nil, fmt.Errorf("%s is no SQLite database", path)
	}
	h := &header{
		size: info.Size(), pageSize: int64(binary.BigEndian.Uint16(b[16:])),
		logs: b[versionsAt] == 2 && b[versionsAt+1] == 2, run: binary.BigEndian.Uint32(b[runAt:]),
	}
	if h.pageSize == 1 {
		h.pageSize = 65536
	}
	return h, nil
}

// checkFiles refuses a log that is not this database's. It must be asked before SQLite opens the database.
func (d Dialect) checkFiles() error {
	h, err := readHeader(d.path)
	if err != nil {
		return err
	}
	if err := d.checkJournal(h); err != nil {
		return err
	}
	log, err := readLog(d.path + logEnding)
	if err != nil || log == nil {
		return err
	}
	side, err := d.ReadMark()
	if err != nil {
		return err
	}
	if why := log.foreignTo(h, side); why != "" {
		return fmt.Errorf("%[1]s%[2]s is not the log of %[1]s: %[3]s. If the database was restored from a backup, move %[1]s%[2]s and %[1]s%[4]s "+
			"away; if not, put the file back that belongs to them. Nothing was changed", d.path, logEnding, why, indexEnding)
	}
	return nil
}

// foreignTo says why the log is another database's, or another state's; "" if it is not.
func (l *sqliteLog) foreignTo(h *header, side Mark) string {
	switch {
	case h == nil:
		return "there is no such database"
	case !h.logs:
		return "that file never had one"
	case l.pageSize != h.pageSize:
		return "their pages differ in size"
	case side.hasRun && side.run != h.run:
		return "another file was there when the server ran"
	}
	for run := range l.runs {
		if run != h.run {
			return "another file was there when it was written"
		}
	}
	if missing := l.missingAfter(h.size / h.pageSize); missing != 0 {
		return fmt.Sprintf("page %d is in neither of them", missing)
	}
	return ""
}

// checkJournal refuses the log of SQLite's older way of working, which a database of Parley's has for a moment only, when
// it is made.
func (d Dialect) checkJournal(h *header) error {
	info, err := os.Stat(d.path + journalEnding)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err == nil && h != nil && h.logs && h.size > h.pageSize {
		err = fmt.Errorf("%s%s is not this database's: move it away. Nothing was changed", d.path, journalEnding)
	}
	return err
}

// noteRun makes the mark beside the database know the run in its header. There must be no log.
func (d Dialect) noteRun() error {
	h, err := readHeader(d.path)
	if err != nil || h == nil {
		return err
	}
	side, err := d.ReadMark()
	if err != nil || side.hasRun && side.run == h.run {
		return err
	}
	side.hasRun, side.run = true, h.run
	return d.WriteMark(side)
}

// beginRun gives the database a new run. It must be asked when nobody has the database open and there is no log; with
// one, as while somebody else's program looks into the database, the run goes on.
func (d Dialect) beginRun() error {
	if log, err := os.Stat(d.path + logEnding); err == nil && log.Size() > 0 {
		return d.noteRun()
	}
	file, err := os.OpenFile(d.path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	run := binary.BigEndian.AppendUint32(nil, 1+rand.Uint32N(1<<31-1)) // SQLite shows it as a signed number
	_, err = file.WriteAt(run, runAt)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return d.noteRun()
}
