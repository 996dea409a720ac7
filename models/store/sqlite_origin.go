package store

import (
	"context"
	"crypto/rand"
	"os"
	"strings"

	"gorm.io/gorm"
)

// origins is the file's number and the mark beside it. A copy that took the file's place has another number; one that
// was written over the file in place is older than the mark, which is a new one after each start and stop.
func (d sqliteDialect) origins(context.Context, *gorm.DB) ([]string, error) {
	m, err := d.readMark()
	if err != nil {
		return nil, err
	}
	origin, err := d.originWith(m.current)
	if err != nil || m.before == "" {
		return []string{origin}, err
	}
	before, err := d.originWith(m.before)
	return []string{origin, before}, err
}

func (d sqliteDialect) originWith(mark string) (string, error) {
	info, err := os.Stat(d.path)
	if err != nil {
		return "", err
	}
	return "file:" + fileNumber(info) + "/" + mark, nil
}

// leaveMark marks the file beside the database, then the database, and then the file once more. Wherever that ends, by a
// crash or by a disk that is full, what stands in the database stands in the file as well: a database is never taken for
// a restored one that is not.
func (d sqliteDialect) leaveMark(ctx context.Context, db *gorm.DB) error {
	m, err := d.readMark()
	if err != nil {
		return err
	}
	var now string
	if err := db.WithContext(ctx).Raw("SELECT origin FROM instance WHERE id = 1").Scan(&now).Error; err != nil {
		return err
	}
	m.before = now[strings.LastIndexByte(now, '/')+1:]
	m.current = rand.Text()
	origin, err := d.originWith(m.current)
	if err != nil {
		return err
	}
	if err := d.writeMark(m); err != nil {
		return err
	}
	if err := db.WithContext(ctx).Exec("UPDATE instance SET origin = ? WHERE id = 1", origin).Error; err != nil {
		return err
	}
	m.before = ""
	return d.writeMark(m)
}
