package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
)

// MarkEnding names the file beside the database that has what a copy of the database does not have.
const MarkEnding = ".mark"

// Mark is what is stored beside the database.
type Mark struct {
	Current string // the same is in the database
	Before  string // what may still stand there, while current is being written; "" for nothing
	hasRun  bool
	run     uint32 // see files.go
}

// ReadMark reads the mark beside the database. It is the zero Mark if there is none.
func (d Dialect) ReadMark() (Mark, error) {
	var m Mark
	content, err := os.ReadFile(d.path + MarkEnding)
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
			m.Current = field
		case name == "before":
			m.Before = value
		case name == "run":
			run, err := strconv.ParseUint(value, 10, 32)
			m.hasRun, m.run = err == nil, uint32(run)
		}
	}
	return m, nil
}

// WriteMark replaces the mark, so that after a crash there is either the old or the new one.
func (d Dialect) WriteMark(m Mark) error {
	text := m.Current + "\n"
	if m.Before != "" {
		text += "before=" + m.Before + "\n"
	}
	if m.hasRun {
		text += fmt.Sprintf("run=%d\n", m.run)
	}
	fresh := d.path + MarkEnding + ".new"
	file, err := os.OpenFile(fresh, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, d.path+MarkEnding); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(d.path))
}

// Origins returns the file's inode number and the mark beside it. A copy that took the file's place has another number;
// one that was written over the file in place is older than the mark, which is new after each start and stop.
func (d Dialect) Origins(context.Context, *gorm.DB) ([]string, error) {
	m, err := d.ReadMark()
	if err != nil {
		return nil, err
	}
	origin, err := d.originWith(m.Current)
	if err != nil || m.Before == "" {
		return []string{origin}, err
	}
	before, err := d.originWith(m.Before)
	return []string{origin, before}, err
}

func (d Dialect) originWith(mark string) (string, error) {
	info, err := os.Stat(d.path)
	if err != nil {
		return "", err
	}
	return "file:" + fileNumber(info) + "/" + mark, nil
}

// LeaveMark writes the mark beside the database, then into the database, and then beside it again. Wherever that is
// interrupted, by a crash or a full disk, what is in the database is in the file as well: a database is never taken for
// a restored one that is not.
func (d Dialect) LeaveMark(ctx context.Context, db *gorm.DB) error {
	m, err := d.ReadMark()
	if err != nil {
		return err
	}
	var now string
	if err := database.Scan(db.WithContext(ctx), &now, "SELECT origin FROM instance WHERE id = 1"); err != nil {
		return err
	}
	m.Before = now[strings.LastIndexByte(now, '/')+1:]
	m.Current = rand.Text()
	origin, err := d.originWith(m.Current)
	if err != nil {
		return err
	}
	if err := d.WriteMark(m); err != nil {
		return err
	}
	if err := database.Exec(db.WithContext(ctx), "UPDATE instance SET origin = ? WHERE id = 1", origin); err != nil {
		return err
	}
	m.Before = ""
	return d.WriteMark(m)
}
