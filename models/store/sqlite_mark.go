package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// markEnding names the file beside the database that holds what a copy of the database does not have.
const markEnding = ".mark"

// mark is what stands beside the database.
type mark struct {
	current string // what stands in the database too
	before  string // what may still stand there, while current is being written; "" for nothing
	hasRun  bool
	run     uint32 // see sqlite_run.go
}

func (d sqliteDialect) readMark() (mark, error) {
	var m mark
	content, err := os.ReadFile(d.path + markEnding)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	for i, field := range strings.Fields(string(content)) {
		name, value, named := strings.Cut(field, "=")
		switch {
		case i == 0 && !named:
			m.current = field
		case name == "before":
			m.before = value
		case name == "run":
			run, err := strconv.ParseUint(value, 10, 32)
			m.hasRun, m.run = err == nil, uint32(run)
		}
	}
	return m, nil
}

// writeMark replaces the mark, so that after a crash there is the old one or the new one.
func (d sqliteDialect) writeMark(m mark) error {
	text := m.current + "\n"
	if m.before != "" {
		text += "before=" + m.before + "\n"
	}
	if m.hasRun {
		text += fmt.Sprintf("run=%d\n", m.run)
	}
	fresh := d.path + markEnding + ".new"
	file, err := os.OpenFile(fresh, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, d.path+markEnding); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(d.path))
}
