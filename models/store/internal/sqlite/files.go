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

// SQLite's files beside the database: its write-ahead log, the index of that log, and the rollback journal.
const (
	logEnding     = "-wal"
	indexEnding   = "-shm"
	journalEnding = "-journal"
)

// Nothing in a database file says which write-ahead log belongs to it, and SQLite applies any log that is beside it:
// for example the log of a newer state to a backup that was put in its place, which makes one broken database of two
// good ones. So each run, from one start to the next, has a number. It is in the header of the database's file, where
// SQLite has user_version for applications, so also in each copy of the file's first page in the run's log, and in the
// mark beside the file. It changes while there is no log.
//
// A log of another run than the file's is refused. So is a log with pages that do not follow the file's end, which
// detects a later log of the same run. What remains is a file that was copied while the server ran, and put back beside
// the log of the same run before the database grew: copies of that kind are broken without their log anyway.

// header is the part of a SQLite file's first 100 bytes that is needed here (https://www.sqlite.org/fileformat.html).
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

// readHeader reads a database's header; nil for a file that does not exist, or is empty.
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
		return nil, fmt.Errorf("%s is not a SQLite database", path)
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

// checkFiles refuses a log that does not belong to this database. It must be called before SQLite opens the database.
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
		return fmt.Errorf("%[1]s%[2]s is not the log of %[1]s: %[3]s. If the database was restored from a backup, move "+
			"%[1]s%[2]s and %[1]s%[4]s away; if not, put back the database file that belongs to them. "+
			"Nothing was changed", d.path, logEnding, why, indexEnding)
	}
	return nil
}

// foreignTo returns why the log belongs to another database, or to another state; "" if it does not.
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

// checkJournal refuses a rollback journal, which a database of Parley has only for a moment, when it is created.
func (d Dialect) checkJournal(h *header) error {
	info, err := os.Stat(d.path + journalEnding)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err == nil && h != nil && h.logs && h.size > h.pageSize {
		err = fmt.Errorf("%s%s does not belong to this database: move it away. Nothing was changed", d.path, journalEnding)
	}
	return err
}

// noteRun stores the run in the database's header in the mark beside the database. There must be no log.
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

// beginRun gives the database a new run. It must be called when nobody has the database open and there is no log; with
// a log, such as while another program reads the database, the run continues.
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
