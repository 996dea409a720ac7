package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// checkInterval is short because a busy server can fill a small disk within a second; a check is cheap.
	// spaceRetryAfter is how long a client should wait after a refusal.
	checkInterval   = 100 * time.Millisecond
	spaceRetryAfter = 10 * time.Second
	// By default 1/defaultShare of the disk is kept free, but at most defaultFloor bytes.
	defaultShare = 20
	defaultFloor = 1_000_000_000
)

// FreeSpace is how much of a disk must stay free: a number of bytes, or the default for the setting auto.
type FreeSpace struct {
	auto  bool
	bytes ByteSize
}

// UnmarshalText reads a size, or auto.
func (f *FreeSpace) UnmarshalText(text []byte) error {
	f.auto = len(text) == 0 || strings.EqualFold(string(text), "auto") // empty if the variable is set to nothing
	if f.auto {
		return nil
	}
	return f.bytes.UnmarshalText(text)
}

// forDisk returns how many bytes must stay free on a disk of total bytes.
func (f FreeSpace) forDisk(total uint64) uint64 {
	if f.auto {
		return min(total/defaultShare, defaultFloor)
	}
	return uint64(f.bytes) // never negative
}

// watchedFolder is a folder that Parley writes to.
type watchedFolder struct {
	folder string
	wal    string // SQLite's write-ahead log in it, whose content will be copied into the database; "" for none
}

// space watches the free space of the disks that Parley writes to. Requests only read the last result.
type space struct {
	folders []watchedFolder
	floor   FreeSpace
	log     *slog.Logger
	full    atomic.Pointer[models.Error] // why writes are refused; nil while there is enough free space
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// watchSpace checks the disks at once, and then regularly until close.
func watchSpace(folders []watchedFolder, floor FreeSpace, log *slog.Logger) *space {
	s := &space{folders: folders, floor: floor, log: log}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if len(folders) == 0 || !floor.auto && floor.bytes == 0 {
		return s
	}
	s.check()
	s.done.Go(func() {
		ticker := time.NewTicker(checkInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				s.check()
			}
		}
	})
	return s
}

func (s *space) close() {
	s.stop()
	s.done.Wait()
}

// err returns nil while there is enough free space, and otherwise why writes are refused.
func (s *space) err() error {
	if full := s.full.Load(); full != nil {
		return full
	}
	return nil
}

// walSize returns the size of the write-ahead log, which has yet to be copied into the database.
func (p watchedFolder) walSize() uint64 {
	info, err := os.Stat(p.wal)
	if err != nil {
		return 0 // there is no log, or SQLite removed it with the last connection
	}
	return uint64(info.Size()) // never negative
}

// check updates the result and logs a change. Once writes are refused, they stay refused until a tenth more than the
// floor is free: otherwise the state could change with each message.
func (s *space) check() {
	was := s.full.Load()
	for _, watched := range s.folders {
		folder := watched.folder
		free, total, err := diskSpace(folder)
		if errors.Is(err, errors.ErrUnsupported) {
			return
		}
		if err != nil {
			s.log.Warn("cannot determine the free space of the disk", "folder", folder, "error", err)
			return
		}
		floor := s.floor.forDisk(total)
		wanted := floor + watched.walSize()
		if was != nil {
			wanted += floor / 10
		}
		if free >= wanted {
			continue
		}
		if was == nil {
			s.log.Warn("the disk is nearly full: writes are refused until there is more free space",
				"folder", folder, "free_bytes", free, "floor_bytes", floor)
			s.full.Store(&models.Error{
				Code: models.CodeUnavailable, RetryAfter: spaceRetryAfter, Limit: "disk_space",
				Message: "The server's disk is nearly full: nothing can be stored. Reading and deleting still work.",
				Err:     fmt.Errorf("%s has %d bytes free, but %d must stay free", folder, free, floor),
			})
		}
		return
	}
	if was != nil {
		s.full.Store(nil)
		s.log.Info("the disk has enough free space again: writes are accepted")
	}
}
