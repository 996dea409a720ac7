package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// testS3 is the address of an S3 server in which the tests may make buckets, as --files takes it; its bucket is passed
// over. "make test" starts one.
const testS3 = "PARLEY_TEST_S3"

// storage is a place for files that lives as long as the test.
type storage interface {
	// place is what --files takes.
	place() string
	// left are the names of all that is in it, complete or not, and size is what they hold, in bytes.
	left(t testing.TB) []string
	size(t testing.TB) int64
}

// onEachStorage runs a test on a folder and on S3, beside each database: all of them empty, and its own.
func onEachStorage(t *testing.T, f func(t *testing.T, database string, files storage)) {
	t.Parallel()
	t.Run("folder", func(t *testing.T) {
		onEachDatabase(t, func(t *testing.T, database string) { f(t, database, filesFolder(t.TempDir())) })
	})
	t.Run("s3", func(t *testing.T) {
		onEachDatabase(t, func(t *testing.T, database string) { f(t, database, newBucket(t)) })
	})
}

// onTwoPairs is onEachStorage for what takes long and has little to do with either.
func onTwoPairs(t *testing.T, f func(t *testing.T, database string, files storage)) {
	t.Parallel()
	t.Run("sqlite and a folder", func(t *testing.T) {
		t.Parallel()
		f(t, filepath.Join(t.TempDir(), "parley.db"), filesFolder(t.TempDir()))
	})
	t.Run("postgres and s3", func(t *testing.T) {
		t.Parallel()
		f(t, newPostgres(t), newBucket(t))
	})
}

// playWithFiles is play on each storage.
func playWithFiles(t *testing.T, scenarios []scenario, flags ...string) {
	t.Helper()
	onEachStorage(t, func(t *testing.T, database string, files storage) {
		playOn(t, scenarios, database, append([]string{"--files", files.place()}, flags...)...)
	})
}

type filesFolder string

func (f filesFolder) place() string { return string(f) }

func (f filesFolder) left(t testing.TB) (names []string) {
	t.Helper()
	f.walk(t, func(info fs.FileInfo) { names = append(names, info.Name()) })
	return names
}

func (f filesFolder) size(t testing.TB) (bytes int64) {
	t.Helper()
	f.walk(t, func(info fs.FileInfo) { bytes += info.Size() })
	return bytes
}

// walk passes over what goes while it looks.
func (f filesFolder) walk(t testing.TB, each func(fs.FileInfo)) {
	t.Helper()
	err := filepath.WalkDir(string(f), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				each(info)
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// bucket is one of its own on the S3 server.
type bucket struct {
	client *minio.Client
	name   string
	url    url.URL
}

func newBucket(t testing.TB) bucket {
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
	endpoint, plain := strings.CutPrefix(u.Query().Get("endpoint"), "http://")
	secret, _ := u.User.Password()
	transport, err := minio.DefaultTransport(!plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := minio.New(strings.TrimPrefix(endpoint, "https://"), &minio.Options{
		Creds:  credentials.NewStaticV4(u.User.Username(), secret, ""),
		Secure: !plain, Region: u.Query().Get("region"), Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := bucket{client: client, name: "test-" + strings.ToLower(rand.Text()), url: *u}
	b.url.Host = b.name
	ctx := context.Background()
	if err := client.MakeBucket(ctx, b.name, minio.MakeBucketOptions{Region: u.Query().Get("region")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.remove(t) })
	return b
}

func (b bucket) place() string { return b.url.String() }

// at is the bucket as it is reached through another endpoint.
func (b bucket) at(endpoint string) string {
	u := b.url
	query := u.Query()
	query.Set("endpoint", endpoint)
	u.RawQuery = query.Encode()
	return u.String()
}

func (b bucket) left(t testing.TB) (names []string) {
	t.Helper()
	for _, o := range b.objects(t) {
		names = append(names, o.Key)
	}
	for o := range b.client.ListIncompleteUploads(context.Background(), b.name, "", true) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		names = append(names, "a part of "+o.Key)
	}
	return names
}

func (b bucket) size(t testing.TB) (bytes int64) {
	t.Helper()
	for _, o := range b.objects(t) {
		bytes += o.Size
	}
	return bytes
}

func (b bucket) objects(t testing.TB) (all []minio.ObjectInfo) {
	t.Helper()
	for o := range b.client.ListObjectsIter(context.Background(), b.name, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		all = append(all, o)
	}
	return all
}

func (b bucket) remove(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	for _, name := range b.left(t) {
		key, isPart := strings.CutPrefix(name, "a part of ")
		var err error
		if isPart {
			err = b.client.RemoveIncompleteUpload(ctx, b.name, key)
		} else {
			err = b.client.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{})
		}
		if err != nil {
			t.Error(err)
		}
	}
	if err := b.client.RemoveBucket(ctx, b.name); err != nil {
		t.Error(err)
	}
}
