package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// moreThanAnyDisk is a size that no disk has.
const moreThanAnyDisk = "9000TB"

// TestSpaceChangesAreLoggedOnce: the state changes with the free space, and each change is logged once.
func TestSpaceChangesAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	folders := []watchedFolder{{folder: t.TempDir()}}
	s := watchSpace(folders, FreeSpace{auto: true}, slog.New(slog.NewJSONHandler(&log, nil)))
	s.close()
	if s.err() != nil {
		t.Skipf("the disk is nearly full: %v", s.err())
	}
	for range 2 {
		if err := s.floor.UnmarshalText([]byte(moreThanAnyDisk)); err != nil {
			t.Fatal(err)
		}
		s.check()
		s.check()
		if s.err() == nil {
			t.Error("writes are accepted on a disk that is too small")
		}
		if err := s.floor.UnmarshalText([]byte("1KB")); err != nil {
			t.Fatal(err)
		}
		s.check()
		s.check()
		if s.err() != nil {
			t.Errorf("writes are refused although 1 KB is free: %v", s.err())
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("4 changes were logged as %d lines:\n%s", n, log.String())
	}
}

func TestFreeSpace(t *testing.T) {
	for text, want := range map[string]uint64{"auto": 5e8, "0": 0, "3GB": 3e9} {
		var f FreeSpace
		if err := f.UnmarshalText([]byte(text)); err != nil || f.forDisk(1e10) != want {
			t.Errorf("%s of 10 GB: got %d and error %v, want %d", text, f.forDisk(1e10), err, want)
		}
	}
	if f := (FreeSpace{auto: true}); f.forDisk(1e12) != 1e9 {
		t.Errorf("of 1 TB, %d bytes are kept free, want 1e9", f.forDisk(1e12))
	}
	if err := new(FreeSpace).UnmarshalText([]byte("much")); err == nil {
		t.Error(`"much" was accepted as a size`)
	}
}
