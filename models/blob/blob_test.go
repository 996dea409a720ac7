package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/parley-chat/parley/models"
)

const key = "KEYOFABLOB"

// randomContent returns content without repetitions.
func randomContent(size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content) // never fails
	return content
}

var errBroken = errors.New("the reader failed")

// failingReader returns content, and then fails.
func failingReader(content []byte) io.Reader {
	return io.MultiReader(bytes.NewReader(content), iotest.ErrReader(errBroken))
}

// readAll returns a blob's content, nil if there is none.
func readAll(t *testing.T, s Store) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), key)
	if errors.Is(err, &models.Error{Code: models.CodeNotFound}) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return append([]byte{}, content...)
}

func TestPut(t *testing.T) {
	onEachStorage(t, func(t *testing.T, s Store, left func() []string) {
		for _, size := range []int{0, 1, partSize - 1, partSize, partSize + 1, 2*partSize + 17} {
			content := randomContent(size)
			n, err := s.Put(t.Context(), key, bytes.NewReader(content))
			if err != nil || n != int64(size) {
				t.Fatalf("put %d bytes: %d, %v", size, n, err)
			}
			if got := readAll(t, s); got == nil || !bytes.Equal(got, content) {
				t.Fatalf("put %d bytes, got %d different bytes", size, len(got))
			}
			if names := left(); len(names) != 1 {
				t.Errorf("after one Put, the storage has %q", names)
			}
		}
		for range 2 {
			if err := s.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if names := left(); len(names) > 0 || readAll(t, s) != nil {
				t.Errorf("after Delete, the storage has %q", names)
			}
		}
	})
}

func TestFailedPutLeavesNoBlob(t *testing.T) {
	onEachStorage(t, func(t *testing.T, s Store, left func() []string) {
		for _, size := range []int{0, 1, partSize, partSize + 1, 2*partSize + 1} {
			if _, err := s.Put(t.Context(), key, failingReader(randomContent(size))); !errors.Is(err, errBroken) {
				t.Errorf("the reader failed after %d bytes: got error %v", size, err)
			}
			if readAll(t, s) != nil {
				t.Errorf("a reader that failed after %d bytes left a blob", size)
			}
			if err := s.Delete(t.Context(), key); err != nil {
				t.Error(err)
			}
			if names := left(); len(names) > 0 {
				t.Errorf("after Delete, the storage has %q", names)
			}
		}
	})
}

func TestSeek(t *testing.T) {
	onEachStorage(t, func(t *testing.T, s Store, _ func() []string) {
		content := randomContent(partSize + 1000)
		if _, err := s.Put(t.Context(), key, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		for _, place := range []struct {
			offset int64
			whence int
			want   int
		}{
			{0, io.SeekEnd, len(content)}, {0, io.SeekStart, 0}, {500, io.SeekStart, 500}, {600, io.SeekCurrent, 1200},
			{-10, io.SeekEnd, len(content) - 10},
		} {
			if at, err := r.Seek(place.offset, place.whence); err != nil || at != int64(place.want) {
				t.Fatalf("%+v: at %d, %v", place, at, err)
			}
			part := make([]byte, min(100, len(content)-place.want))
			if _, err := io.ReadFull(r, part); err != nil || !bytes.Equal(part, content[place.want:place.want+len(part)]) {
				t.Errorf("%+v: read different bytes, error %v", place, err)
			}
		}
	})
}

// TestStaged appends pieces of different sizes, some from failing readers, truncates once, and seals the blob.
func TestStaged(t *testing.T) {
	onEachStorage(t, func(t *testing.T, s Store, left func() []string) {
		content := randomContent(3*partSize + 5)
		staged := func(want int) {
			t.Helper()
			if n, err := s.Staged(t.Context(), key); err != nil || n != int64(want) {
				t.Fatalf("got %d staged bytes, want %d: %v", n, want, err)
			}
		}
		at := 0
		add := func(size int, broken bool) {
			t.Helper()
			var from io.Reader = bytes.NewReader(content[at : at+size])
			var want error
			if broken {
				from, want = failingReader(content[at:at+size]), errBroken
			}
			n, err := s.Append(t.Context(), key, int64(at), from)
			if n != int64(size) || !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Fatalf("added %d of %d bytes: %v", n, size, err)
			}
			at += size
			staged(at)
		}
		staged(0)
		add(0, false)
		add(0, true)
		add(1, false)
		add(70_000, true)
		add(partSize+1, true)
		before := at
		add(partSize+10, false)
		if err := s.Cut(t.Context(), key, int64(before)); err != nil {
			t.Fatal(err)
		}
		at = before
		staged(at)
		add(partSize, false)
		add(len(content)-at, false)
		if readAll(t, s) != nil {
			t.Error("the blob exists before it is sealed")
		}
		for range 2 {
			if err := s.Seal(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, s); !bytes.Equal(got, content) {
				t.Errorf("sealed %d bytes, got %d different bytes", len(content), len(got))
			}
			if names := left(); len(names) != 1 {
				t.Errorf("after one Seal, the storage has %q", names)
			}
		}
		if err := s.Delete(t.Context(), key); err != nil || len(left()) > 0 {
			t.Errorf("after Delete, the storage has %q, %v", left(), err)
		}
	})
}

func TestStagedIsTruncatedAndDeleted(t *testing.T) {
	onEachStorage(t, func(t *testing.T, s Store, left func() []string) {
		if err := s.Cut(t.Context(), key, 0); err != nil {
			t.Errorf("truncating a missing staged blob: %v", err)
		}
		if err := s.Seal(t.Context(), key); err == nil {
			t.Error("sealing a missing staged blob succeeded")
		}
		if _, err := s.Append(t.Context(), key, 0, bytes.NewReader(randomContent(partSize+1))); err != nil {
			t.Fatal(err)
		}
		if err := s.Cut(t.Context(), key, 0); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Staged(t.Context(), key); n != 0 || err != nil {
			t.Errorf("after truncating to 0: got %d bytes, %v", n, err)
		}
		if _, err := s.Append(t.Context(), key, 0, bytes.NewReader(randomContent(10))); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), key); err != nil || len(left()) > 0 {
			t.Errorf("after Delete, the storage has %q, %v", left(), err)
		}
	})
}

// TestServersShareStorage opens one storage twice, as two servers do.
func TestServersShareStorage(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	a, b := open(t, path), open(t, path)
	content := randomContent(1000)
	for i, s := range []Store{a, b} {
		if _, err := s.Append(t.Context(), key, int64(i*500), bytes.NewReader(content[i*500:i*500+500])); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Seal(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, b); !bytes.Equal(got, content) {
		t.Errorf("got %d different bytes", len(got))
	}
}

func TestKeysCannotLeaveTheFolder(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for _, key := range []string{"../../etc/passwd", "..", "/etc/passwd"} {
		if r, err := s.Open(t.Context(), key); err == nil {
			_ = r.Close()
			t.Errorf("opened %q", key)
		}
		if _, err := s.Append(t.Context(), "../"+key, 0, bytes.NewReader(nil)); err == nil {
			t.Errorf("wrote %q", key)
		}
	}
}

func TestEndOfContext(t *testing.T) {
	t.Parallel()
	s := openBucket(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, put := s.Put(ctx, key, bytes.NewReader(randomContent(10)))
	_, added := s.Append(ctx, key, 0, bytes.NewReader(randomContent(10)))
	for _, err := range []error{put, added, s.Delete(ctx, key), s.Seal(ctx, key)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after the end of the context: got error %v", err)
		}
	}
}

// TestBrokenStorage checks that a failure of the storage can be distinguished from other errors.
func TestBrokenStorage(t *testing.T) {
	t.Parallel()
	s := openBucket(t)
	nobody := s
	nobody.bucket += "-gone"
	_, put := nobody.Put(t.Context(), key, bytes.NewReader(randomContent(10)))
	_, putMuch := nobody.Put(t.Context(), key, bytes.NewReader(randomContent(partSize+1)))
	_, added := nobody.Append(t.Context(), key, 0, bytes.NewReader(randomContent(10)))
	_, staged := nobody.Staged(t.Context(), key)
	for what, err := range map[string]error{
		"put": put, "put much": putMuch, "append": added, "staged": staged, "cut": nobody.Cut(t.Context(), key, 0),
		"seal": nobody.Seal(t.Context(), key),
	} {
		if !errors.Is(err, &models.Error{Code: models.CodeUnavailable}) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
