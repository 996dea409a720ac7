package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/parley-chat/parley/models"
)

const (
	// partSize is the size in bytes of what is sent to S3 at a time, and held in memory meanwhile. S3 takes 10,000 parts:
	// a blob may have 80 GB.
	partSize = 8 << 20
	// partTimeout bounds the storing of one part.
	partTimeout = time.Minute
	// s3Tries is how often a request is tried, with a pause of less than a second before each. Whoever waits for more is
	// better told to come back later.
	s3Tries = 3
)

// parts are buffers of partSize, which are costly to make for every small file.
var parts = sync.Pool{New: func() any { return new([partSize]byte) }}

// s3 keeps each blob in an object of its own. A staged blob is a row of objects, one for each piece that came, named by
// where it begins: they need no book-keeping, any node can go on from there, and each survives what comes after it.
type s3 struct {
	client    *minio.Client
	transport *http.Transport
	bucket    string
	prefix    string
}

// openS3 opens a bucket that is there.
func openS3(ctx context.Context, u *url.URL) (Store, error) {
	s, err := connectS3(u)
	if err != nil {
		return nil, err
	}
	there, err := s.client.BucketExists(ctx, s.bucket)
	if err == nil && !there {
		err = errors.New("there is no such bucket")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bucket %s at %s: %w", s.bucket, s.client.EndpointURL(), err), s.Close())
	}
	return s, nil
}

// connectS3 takes s3://bucket/prefix?endpoint=…&region=…. The endpoint may begin with http:// or https://, which it is when
// it says nothing; without one it is Amazon's. The keys are in the URL (s3://key:secret@bucket), or where Amazon's own
// programs look for them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, the machine's role.
func connectS3(u *url.URL) (s3, error) {
	query := u.Query()
	endpoint, secure := query.Get("endpoint"), true
	if rest, plain := strings.CutPrefix(endpoint, "http://"); plain {
		endpoint, secure = rest, false
	}
	endpoint = strings.TrimSuffix(strings.TrimPrefix(endpoint, "https://"), "/")
	lookup := minio.BucketLookupPath
	if endpoint == "" {
		endpoint, lookup = "s3.amazonaws.com", minio.BucketLookupAuto
	}
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return s3{}, err
	}
	client, err := minio.New(endpoint, &minio.Options{
		Creds: keysOf(u), Secure: secure, Region: query.Get("region"), BucketLookup: lookup,
		Transport: transport, MaxRetries: s3Tries,
	})
	return s3{client: client, transport: transport, bucket: u.Host, prefix: strings.Trim(u.Path, "/")}, err
}

func keysOf(u *url.URL) *credentials.Credentials {
	if secret, given := u.User.Password(); given {
		return credentials.NewStaticV4(u.User.Username(), secret, "")
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
}

func (s s3) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

func (s s3) object(key string) string { return path.Join(s.prefix, key) }

// pieces is the common start of the names of a staged blob's pieces.
func (s s3) pieces(key string) string { return path.Join(s.prefix, stagingFolder, key) + "/" }

// piece is the name of the piece that begins at offset. With leading zeros, so that S3's order is theirs.
func (s s3) piece(key string, offset int64) string {
	return s.pieces(key) + fmt.Sprintf("%020d", offset)
}

func (s s3) put(ctx context.Context, object string, r io.Reader, size int64) (int64, error) {
	stored, err := s.client.PutObject(ctx, s.bucket, object, r, size, minio.PutObjectOptions{
		PartSize: partSize, NumThreads: 1, ContentType: "application/octet-stream",
		// Over plain HTTP the body would be framed in signed chunks, which not every server that speaks S3 knows.
		DisableContentSha256: true,
	})
	return stored.Size, err
}

// Put sends what fits into one part in one request. S3 is told the size of that; it never learns that of the whole before
// the end.
func (s s3) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	part := parts.Get().(*[partSize]byte)
	defer parts.Put(part)
	from := source{r: r}
	n, err := io.ReadFull(&from, part[:])
	if from.err != nil {
		return 0, from.err
	}
	begin := bytes.NewReader(part[:n])
	if err != nil { // that was all
		_, err = s.put(ctx, s.object(key), begin, int64(n))
		return int64(n), broken(err)
	}
	size, err := s.put(ctx, s.object(key), io.MultiReader(begin, &from), -1)
	return size, from.blame(err)
}

func (s s3) Open(ctx context.Context, key string) (io.ReadSeekCloser, error) {
	object, err := s.client.GetObject(ctx, s.bucket, s.object(key), minio.GetObjectOptions{})
	if err != nil {
		return nil, broken(err)
	}
	if _, err := object.Stat(); err != nil { // nothing was asked of the server so far
		_ = object.Close()
		if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
			return nil, models.NotFound()
		}
		return nil, broken(err)
	}
	return s3Object{object}, nil
}

// s3Object is an object whose failures are the storage's.
type s3Object struct{ *minio.Object }

func (o s3Object) Read(p []byte) (int, error) {
	n, err := o.Object.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = broken(err)
	}
	return n, err
}

func (o s3Object) Seek(offset int64, whence int) (int64, error) {
	at, err := o.Object.Seek(offset, whence)
	return at, broken(err)
}

// Delete also removes what a crash in the middle of a Put or a Seal left: parts that no object was made of.
func (s s3) Delete(ctx context.Context, key string) error {
	if err := s.Cut(ctx, key, 0); err != nil {
		return err
	}
	if err := s.client.RemoveIncompleteUpload(ctx, s.bucket, s.object(key)); err != nil {
		return broken(err)
	}
	return broken(s.client.RemoveObject(ctx, s.bucket, s.object(key), minio.RemoveObjectOptions{}))
}

// Append stores each part as soon as it is full, and what came before the reader broke off as well.
func (s s3) Append(ctx context.Context, key string, offset int64, r io.Reader) (added int64, err error) {
	from := source{r: r}
	part := parts.Get().(*[partSize]byte)
	defer parts.Put(part)
	for {
		n, err := io.ReadFull(&from, part[:])
		if n > 0 {
			if err := s.addPiece(ctx, key, offset+added, part[:n]); err != nil {
				return added, err
			}
			added += int64(n)
		}
		if err != nil {
			return added, from.err // nil at the end
		}
	}
}

func (s s3) addPiece(ctx context.Context, key string, offset int64, part []byte) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	_, err := s.put(ctx, s.piece(key, offset), bytes.NewReader(part), int64(len(part)))
	return broken(err)
}

// piecesOf lists the pieces of a staged blob, in their order, up to the first gap. A piece that begins within the one before
// it was left by a writer that lost the upload while it still sent a part; the same bytes came again after that.
func (s s3) piecesOf(ctx context.Context, key string) (names []string, size int64, err error) {
	ctx, cancel := context.WithCancel(ctx) // which ends the listing when it is left early
	defer cancel()
	start := s.pieces(key)
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: start}) {
		if object.Err != nil {
			return nil, 0, broken(object.Err)
		}
		offset, err := strconv.ParseInt(strings.TrimPrefix(object.Key, start), 10, 64)
		if err != nil || offset > size {
			break
		}
		if offset == size {
			names, size = append(names, object.Key), size+object.Size
		}
	}
	return names, size, nil
}

func (s s3) Staged(ctx context.Context, key string) (int64, error) {
	_, size, err := s.piecesOf(ctx, key)
	return size, err
}

// Cut removes the pieces that begin at size or later, the first one first. Whoever cuts does so where an Append began.
func (s s3) Cut(ctx context.Context, key string, size int64) error {
	start := s.pieces(key)
	var beyond []string
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: start}) {
		if object.Err != nil {
			return broken(object.Err)
		}
		if object.Key >= s.piece(key, size) {
			beyond = append(beyond, object.Key)
		}
	}
	for _, name := range beyond {
		if err := s.client.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{}); err != nil {
			return broken(err)
		}
	}
	return nil
}

// Seal reads the pieces into one object, and removes them after. S3 could join them itself only if none but the last were
// smaller than 5 MB, and how large they are is up to the client's connection. The first piece goes first: without it, those
// that a crash leaves are no blob, and the object is known to be whole.
func (s s3) Seal(ctx context.Context, key string) error {
	names, size, err := s.piecesOf(ctx, key)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		if err := s.join(ctx, key, names, size); err != nil {
			return err
		}
		return s.Cut(ctx, key, 0)
	}
	object, err := s.Open(ctx, key) // sealed before?
	if err != nil {
		return broken(err)
	}
	return errors.Join(object.Close(), s.Cut(ctx, key, 0))
}

func (s s3) join(ctx context.Context, key string, names []string, size int64) error {
	if err := s.client.RemoveIncompleteUpload(ctx, s.bucket, s.object(key)); err != nil { // of a Seal that a crash ended
		return broken(err)
	}
	all := &joined{ctx: ctx, s: s, names: names}
	_, err := s.put(ctx, s.object(key), all, size)
	return broken(errors.Join(err, all.Close()))
}

// joined reads objects one after the other, each opened when the one before it is at its end.
type joined struct {
	ctx   context.Context //nolint:containedctx // of the one call that reads it
	s     s3
	names []string
	open  io.ReadCloser
}

func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.open == nil {
			if len(j.names) == 0 {
				return 0, io.EOF
			}
			object, err := j.s.client.GetObject(j.ctx, j.s.bucket, j.names[0], minio.GetObjectOptions{})
			if err != nil {
				return 0, err
			}
			j.open, j.names = object, j.names[1:]
		}
		n, err := j.open.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := j.Close(); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (j *joined) Close() error {
	if j.open == nil {
		return nil
	}
	err := j.open.Close()
	j.open = nil
	return err
}
