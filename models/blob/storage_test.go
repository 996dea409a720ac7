package blob

import (
	"context"
	"crypto/rand"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

// testS3 is the variable with the address of an S3 server in which the tests may create buckets; "make test" starts
// one.
const testS3 = "PARLEY_TEST_S3"

// onEachStorage runs a test on a folder and on S3. left returns the names of all stored objects, complete or not.
func onEachStorage(t *testing.T, f func(t *testing.T, s Store, left func() []string)) {
	t.Parallel()
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		f(t, open(t, path), func() []string { return filesIn(t, path) })
	})
	t.Run("s3", func(t *testing.T) {
		t.Parallel()
		s := openBucket(t)
		f(t, s, func() []string { return objectsOf(t, s) })
	})
}

func open(t *testing.T, place string) Store {
	t.Helper()
	s, err := Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func filesIn(t *testing.T, path string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// openBucket creates a bucket for the test, and uses a prefix in it.
func openBucket(t *testing.T) s3 {
	t.Helper()
	address := os.Getenv(testS3)
	if address == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(testS3 + " is not set: this test needs an S3 server")
		}
		t.Skip(testS3 + " is not set")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host, u.Path = "test-"+strings.ToLower(rand.Text()), "/some/prefix"
	if _, err := Open(t.Context(), u.String()); err == nil {
		t.Fatal("a bucket that does not exist was opened")
	}
	admin, err := connectS3(u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.transport.CloseIdleConnections)
	if err := admin.client.MakeBucket(t.Context(), u.Host, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeBucket(t, admin) })
	return open(t, u.String()).(s3)
}

func removeBucket(t *testing.T, s s3) {
	ctx := context.Background()
	all := s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Recursive: true})
	for failed := range s.client.RemoveObjects(ctx, s.bucket, all, minio.RemoveObjectsOptions{}) {
		t.Error(failed.Err)
	}
	if err := s.client.RemoveBucket(ctx, s.bucket); err != nil {
		t.Error(err)
	}
}

func objectsOf(t *testing.T, s s3) (names []string) {
	t.Helper()
	for o := range s.client.ListObjectsIter(t.Context(), s.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		names = append(names, o.Key)
	}
	for o := range s.client.ListIncompleteUploads(t.Context(), s.bucket, "", true) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		names = append(names, "a part of "+o.Key)
	}
	return names
}
