package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// everything is more than any disk has.
const everything = "9000TB"

// TestSpaceComesAndGoes: what the watch finds holds until it finds something else, and is logged once.
func TestSpaceComesAndGoes(t *testing.T) {
	var log bytes.Buffer
	s := watchSpace([]watchedFolder{{folder: t.TempDir()}}, FreeSpace{auto: true}, slog.New(slog.NewJSONHandler(&log, nil)))
	s.close()
	if s.err() != nil {
		t.Skipf("the disk is nearly full: %v", s.err())
	}
	for range 2 {
		if err := s.floor.UnmarshalText([]byte(everything)); err != nil {
			t.Fatal(err)
		}
		s.check()
		s.check()
		if s.err() == nil {
			t.Error("there is room on a disk that is too small")
		}
		if err := s.floor.UnmarshalText([]byte("1KB")); err != nil {
			t.Fatal(err)
		}
		s.check()
		s.check()
		if s.err() != nil {
			t.Errorf("there is no room: %v", s.err())
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("logged is, of 4 changes, %s", log.String())
	}
}

func TestFreeSpace(t *testing.T) {
	for text, want := range map[string]uint64{"auto": 5e8, "0": 0, "3GB": 3e9} {
		var f FreeSpace
		if err := f.UnmarshalText([]byte(text)); err != nil || f.forDisk(1e10) != want {
			t.Errorf("%s of 10 GB is %d, %v", text, f.forDisk(1e10), err)
		}
	}
	if f := (FreeSpace{auto: true}); f.forDisk(1e12) != 1e9 {
		t.Errorf("of 1 TB, %d bytes are kept free", f.forDisk(1e12))
	}
	if err := new(FreeSpace).UnmarshalText([]byte("much")); err == nil {
		t.Error("much is a size")
	}
}
