package store

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"

	"gorm.io/gorm"
)

// markEnding names the file beside the database that holds the same mark as the database itself.
const markEnding = ".mark"

// origin is the file's number and the mark beside it. A copy that took the file's place has another number; one that
// was written over the file in place is older than the mark, which is a new one after each start and stop.
func (d sqliteDialect) origin(context.Context, *gorm.DB) (string, error) {
	mark, err := os.ReadFile(d.path + markEnding)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return d.originWith(string(mark))
}

func (d sqliteDialect) originWith(mark string) (string, error) {
	info, err := os.Stat(d.path)
	if err != nil {
		return "", err
	}
	return "file:" + fileNumber(info) + "/" + mark, nil
}

// leaveMark marks the database and then the file beside it. A crash in between makes the next start take the database
// for a restored one, which costs the clients one more reading.
func (d sqliteDialect) leaveMark(ctx context.Context, db *gorm.DB) error {
	mark := rand.Text()
	origin, err := d.originWith(mark)
	if err != nil {
		return err
	}
	if err := db.WithContext(ctx).Exec("UPDATE instance SET origin = ? WHERE id = 1", origin).Error; err != nil {
		return err
	}
	fresh := d.path + markEnding + ".new"
	if err := os.WriteFile(fresh, []byte(mark), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, d.path+markEnding)
}
