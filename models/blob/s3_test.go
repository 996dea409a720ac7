package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/parley-chat/parley/models"
)

// TestSealAfterCrash repeats a Seal that was interrupted while the object was written, or while the pieces were
// removed.
func TestSealAfterCrash(t *testing.T) {
	t.Parallel()
	s := openBucket(t)
	content := randomContent(3000)
	for at := 0; at < 3000; at += 1000 {
		if _, err := s.Append(t.Context(), key, int64(at), bytes.NewReader(content[at:at+1000])); err != nil {
			t.Fatal(err)
		}
	}
	core := minio.Core{Client: s.client}
	if _, err := core.NewMultipartUpload(t.Context(), s.bucket, s.object(key), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	isPart := func(name string) bool { return strings.HasPrefix(name, "a part of") }
	if names := objectsOf(t, s); !slices.ContainsFunc(names, isPart) {
		t.Fatalf("the storage has only %q", names)
	}
	if err := s.Seal(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := s.put(t.Context(), s.pieceName(key, 2000), bytes.NewReader(content[2000:]), 1000); err != nil {
		t.Fatal(err)
	}
	if err := s.Seal(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s); !bytes.Equal(got, content) {
		t.Errorf("got %d different bytes", len(got))
	}
	if names := objectsOf(t, s); len(names) != 1 {
		t.Errorf("the storage has %q", names)
	}
}

// TestDeleteAfterCrash removes what an interrupted Put has left.
func TestDeleteAfterCrash(t *testing.T) {
	t.Parallel()
	s := openBucket(t)
	core := minio.Core{Client: s.client}
	if _, err := core.NewMultipartUpload(t.Context(), s.bucket, s.object(key), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(objectsOf(t, s)) != 1 {
		t.Fatal("there is nothing to remove")
	}
	if err := s.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if names := objectsOf(t, s); len(names) > 0 {
		t.Errorf("the storage has %q", names)
	}
}

// TestPiecesOfLateWriterAreIgnored lets a writer that has lost the upload finish its part after others have continued
// with pieces of other sizes.
func TestPiecesOfLateWriterAreIgnored(t *testing.T) {
	t.Parallel()
	s := openBucket(t)
	content := randomContent(1000)
	add := func(from, to int) {
		t.Helper()
		if _, err := s.Append(t.Context(), key, int64(from), bytes.NewReader(content[from:to])); err != nil {
			t.Fatal(err)
		}
	}
	add(0, 100)
	add(100, 200)
	add(200, 400)
	add(0, 150) // late
	add(150, 600)
	add(600, 1000)
	if n, err := s.Staged(t.Context(), key); err != nil || n != 1000 {
		t.Fatalf("got %d staged bytes, %v", n, err)
	}
	if err := s.Seal(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s); !bytes.Equal(got, content) {
		t.Errorf("got %d different bytes", len(got))
	}
	if names := objectsOf(t, s); len(names) != 1 {
		t.Errorf("the storage has %q", names)
	}
}

// TestManyPieces has more pieces than S3 lists at once.
func TestManyPieces(t *testing.T) {
	t.Parallel()
	s := openBucket(t)
	const pieces = 1003
	var sending errgroup.Group
	sending.SetLimit(16)
	for i := range pieces {
		sending.Go(func() error {
			_, err := s.put(t.Context(), s.pieceName(key, int64(i*4)), strings.NewReader("1234"), 4)
			return err
		})
	}
	if err := sending.Wait(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Staged(t.Context(), key); err != nil || n != pieces*4 {
		t.Errorf("got %d staged bytes, %v", n, err)
	}
}

// TestFailedReadIsAnError stops the server while an object is read.
func TestFailedReadIsAnError(t *testing.T) {
	t.Parallel()
	s := openBucket(t)
	if _, err := s.Put(t.Context(), key, bytes.NewReader(randomContent(partSize))); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	s.transport.CloseIdleConnections()
	s.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("unreachable")
	}
	_, err = r.Seek(partSize/2, io.SeekStart)
	if err == nil {
		_, err = r.Read(make([]byte, 10))
	}
	if !errors.Is(err, &models.Error{Code: models.CodeUnavailable}) {
		t.Errorf("the error is %v", err)
	}
}
