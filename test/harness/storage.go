package harness

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/parley-chat/parley/models"
)

// s3Variable names the environment variable with the address of an S3 server in which tests may create buckets. It has
// the form of --files; the bucket in it is ignored. "make test" sets it.
const s3Variable = "PARLEY_TEST_S3"

// Storage is a file storage that is removed at the end of the test.
type Storage interface {
	// Location returns the value of --files for this storage.
	Location() string
	// Names returns the names of all files in it, including incomplete uploads. Size returns their total size in bytes.
	Names(t testing.TB) []string
	Size(t testing.TB) int64
}

// onEachStorage runs a test on each combination of a storage (a folder, S3) and a database. Each run has an empty
// storage and an empty database of its own.
func onEachStorage(t *testing.T, f func(t *testing.T, database string, files Storage)) {
	t.Parallel()
	t.Run("folder", func(t *testing.T) {
		OnEachDatabase(t, func(t *testing.T, database string) { f(t, database, FolderStorage(t.TempDir())) })
	})
	t.Run("s3", func(t *testing.T) {
		OnEachDatabase(t, func(t *testing.T, database string) { f(t, database, NewBucket(t)) })
	})
}

// OnTwoStorages is for slow tests that depend little on the combination: it runs a test on SQLite with a folder and on
// PostgreSQL with S3.
func OnTwoStorages(t *testing.T, f func(t *testing.T, database string, files Storage)) {
	t.Parallel()
	t.Run("sqlite and a folder", func(t *testing.T) {
		t.Parallel()
		f(t, filepath.Join(t.TempDir(), "parley.db"), FolderStorage(t.TempDir()))
	})
	t.Run("postgres and s3", func(t *testing.T) {
		t.Parallel()
		f(t, NewPostgres(t), NewBucket(t))
	})
}

// RunScenariosOnEachStorage is RunScenarios on each storage.
func RunScenariosOnEachStorage(t *testing.T, scenarios []Scenario, flags ...string) {
	t.Helper()
	onEachStorage(t, func(t *testing.T, database string, files Storage) {
		runScenariosOn(t, scenarios, database, append([]string{"--files", files.Location()}, flags...)...)
	})
}

// FolderStorage is the path of a folder.
type FolderStorage string

// Location returns the path.
func (f FolderStorage) Location() string { return string(f) }

// Names returns the names of the files.
func (f FolderStorage) Names(t testing.TB) (names []string) {
	t.Helper()
	f.eachFile(t, func(info fs.FileInfo) { names = append(names, info.Name()) })
	return names
}

// Size returns the total size of the files in bytes.
func (f FolderStorage) Size(t testing.TB) (total int64) {
	t.Helper()
	f.eachFile(t, func(info fs.FileInfo) { total += info.Size() })
	return total
}

// eachFile calls each for all files. It ignores files that are removed meanwhile.
func (f FolderStorage) eachFile(t testing.TB, each func(fs.FileInfo)) {
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

// Bucket is a new bucket on the S3 server.
type Bucket struct {
	client *minio.Client
	name   string
	URL    url.URL
}

// NewBucket creates a bucket, which is removed at the end of the test. The test is skipped if there is no S3 server; in
// CI it fails.
func NewBucket(t testing.TB) Bucket {
	t.Helper()
	address := os.Getenv(s3Variable)
	if address == "" {
		Missing(t, "%s is not set: this test needs an S3 server", s3Variable)
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
	b := Bucket{client: client, name: "test-" + strings.ToLower(rand.Text()), URL: *u}
	b.URL.Host = b.name
	ctx := context.Background()
	if err := client.MakeBucket(ctx, b.name, minio.MakeBucketOptions{Region: u.Query().Get("region")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.remove(t) })
	return b
}

// Location returns the URL, with the credentials.
func (b Bucket) Location() string { return b.URL.String() }

// AtEndpoint returns the location of the bucket with another endpoint.
func (b Bucket) AtEndpoint(endpoint string) string {
	u := b.URL
	query := u.Query()
	query.Set("endpoint", endpoint)
	u.RawQuery = query.Encode()
	return u.String()
}

// Names returns the keys of the objects, including those whose upload is incomplete.
func (b Bucket) Names(t testing.TB) (names []string) {
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

// Size returns the total size of the complete objects in bytes.
func (b Bucket) Size(t testing.TB) (total int64) {
	t.Helper()
	for _, o := range b.objects(t) {
		total += o.Size
	}
	return total
}

func (b Bucket) objects(t testing.TB) (all []minio.ObjectInfo) {
	t.Helper()
	for o := range b.client.ListObjectsIter(context.Background(), b.name, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		all = append(all, o)
	}
	return all
}

func (b Bucket) remove(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	for _, name := range b.Names(t) {
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

// FileServer is a server with a client without a token. Folder is where the server stores files.
type FileServer struct {
	*Client
	Server   *Server
	Database string
	Folder   string
}

// BlobPaths returns the sorted paths of all files in a folder and below, including incomplete uploads.
func BlobPaths(t testing.TB, folder string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

// ExpectBlobs waits until the folder has the number of blobs, and expects the database to have the number of files.
func (s *FileServer) ExpectBlobs(blobs int, files int64) {
	s.T.Helper()
	Eventually(s.T, "the folder has only blobs that belong to a file", func() bool {
		return len(BlobPaths(s.T, s.Folder)) == blobs
	})
	if got := QueryCount(s.T, s.Database, "SELECT count(*) FROM files"); got != files {
		s.T.Errorf("the database has %d files, want %d", got, files)
	}
}

// ExpectNoLeases expects no blob to have a lease, which protects it from deletion. After a request has completed, its
// blob either belongs to a file or is deleted at once. Otherwise the bytes would remain until the lease ends.
func (s *FileServer) ExpectNoLeases() {
	s.T.Helper()
	leases := fmt.Sprintf("SELECT count(*) FROM doomed_blobs WHERE due_at > %d", models.Now().UnixMilli())
	if left := QueryCount(s.T, s.Database, leases); left != 0 {
		s.T.Errorf("%d blobs still have a lease", left)
	}
}
