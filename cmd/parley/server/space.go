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
	// lookEvery is how often the disk is looked at, which costs next to nothing: on a small one a busy server goes through
	// the floor within a second. spaceAgain is how long a client that was refused should wait.
	lookEvery  = 100 * time.Millisecond
	spaceAgain = 10 * time.Second
	// usualShare and usualFloor are what is kept free unless a setting says otherwise: this part of the disk (a
	// twentieth), and no more than so many bytes.
	usualShare = 20
	usualFloor = 1_000_000_000
)

// FreeSpace is what is to stay free of a disk: so many bytes, or the usual where the setting is auto.
type FreeSpace struct {
	auto  bool
	bytes ByteSize
}

// UnmarshalText reads a size, or auto.
func (f *FreeSpace) UnmarshalText(text []byte) error {
	if f.auto = len(text) == 0 || strings.EqualFold(string(text), "auto"); f.auto { // empty, as a variable that is set to nothing
		return nil
	}
	return f.bytes.UnmarshalText(text)
}

// forDisk is how many bytes that is, of a disk of that size.
func (f FreeSpace) forDisk(total uint64) uint64 {
	if f.auto {
		return min(total/usualShare, usualFloor)
	}
	return uint64(f.bytes) // never negative
}

// watchedFolder is a folder that Parley writes to.
type watchedFolder struct {
	folder string
	wal    string // SQLite's write-ahead log in it, which moves into the database as a whole; "" for none
}

// space watches how much room the disks have on which Parley writes. Requests only read what it found last.
type space struct {
	places []watchedFolder
	floor  FreeSpace
	log    *slog.Logger
	full   atomic.Pointer[models.Error] // why writes are refused; nil while there is room
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// watchSpace looks at once, and then until close.
func watchSpace(places []watchedFolder, floor FreeSpace, log *slog.Logger) *space {
	s := &space{places: places, floor: floor, log: log}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if len(places) == 0 || !floor.auto && floor.bytes == 0 {
		return s
	}
	s.check()
	s.done.Go(func() {
		ticker := time.NewTicker(lookEvery)
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

// err is nil while there is room for what clients write.
func (s *space) err() error {
	if full := s.full.Load(); full != nil {
		return full
	}
	return nil
}

// walSize is how many bytes of the database are yet to be moved into its file.
func (p watchedFolder) walSize() uint64 {
	info, err := os.Stat(p.wal)
	if err != nil {
		return 0 // there is none, or it is gone with the last connection
	}
	return uint64(info.Size()) // never negative
}

// check finds out how it stands, and logs a change. Once refused, writes wait until a tenth more than the floor is
// free: they would otherwise begin and end with each message.
func (s *space) check() {
	was := s.full.Load()
	for _, p := range s.places {
		folder := p.folder
		free, total, err := diskSpace(folder)
		if errors.Is(err, errors.ErrUnsupported) {
			return
		}
		if err != nil {
			s.log.Warn("the free space of the disk cannot be found out", "folder", folder, "error", err)
			return
		}
		floor := s.floor.forDisk(total)
		wanted := floor + p.walSize()
		if was != nil {
			wanted += floor / 10
		}
		if free >= wanted {
			continue
		}
		if was == nil {
			s.log.Warn("the disk is nearly full: writes are refused until there is room", "folder", folder, "free_bytes", free, "floor_bytes", floor)
			s.full.Store(&models.Error{
				Code: models.CodeUnavailable, RetryAfter: spaceAgain, Limit: "disk_space",
				Message: "The server's disk is nearly full: it takes nothing new until there is room. Reading and deleting go on.",
				Err:     fmt.Errorf("%s has %d bytes free, and %d are to stay so", folder, free, floor),
			})
		}
		return
	}
	if was != nil {
		s.full.Store(nil)
		s.log.Info("there is room on the disk again: writes are taken")
	}
}
