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
	"github.com/parley-chat/parley/models/internal/readerror"
)

const (
	// partSize is the size of one upload request to S3 in bytes, which is also held in memory. S3 allows 10,000 parts,
	// so a blob may have up to 80 GB.
	partSize = 8 << 20
	// partTimeout limits the upload of one part.
	partTimeout = time.Minute
	// s3Attempts is how often a request is tried, with a pause of less than a second in between. After that, the client
	// should retry.
	s3Attempts = 3
)

// partBuffers has buffers of partSize, which are expensive to allocate for every small file.
var partBuffers = sync.Pool{New: func() any { return new([partSize]byte) }}

// s3 keeps each blob in an object. A staged blob is a sequence of objects, one for each piece, named by its offset:
// that needs no other state, any node can continue an upload, and each piece survives failures after it.
type s3 struct {
	client    *minio.Client
	transport *http.Transport
	bucket    string
	prefix    string
}

// openS3 opens an existing bucket.
func openS3(ctx context.Context, u *url.URL) (Store, error) {
	s, err := connectS3(u)
	if err != nil {
		return nil, err
	}
	there, err := s.client.BucketExists(ctx, s.bucket)
	if err == nil && !there {
		err = errors.New("the bucket does not exist")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bucket %s at %s: %w", s.bucket, s.client.EndpointURL(), err), s.Close())
	}
	return s, nil
}

// connectS3 parses s3://bucket/prefix?endpoint=…&region=…. The endpoint may start with http:// or https://, which is
// the default. Without an endpoint it is Amazon's. The credentials are in the URL (s3://key:secret@bucket), or at the
// usual places of Amazon's tools: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, the machine's
// role.
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
		Creds: credentialsOf(u), Secure: secure, Region: query.Get("region"), BucketLookup: lookup,
		Transport: transport, MaxRetries: s3Attempts,
	})
	return s3{client: client, transport: transport, bucket: u.Host, prefix: strings.Trim(u.Path, "/")}, err
}

func credentialsOf(u *url.URL) *credentials.Credentials {
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

// piecesPrefix returns the common prefix of the names of a staged blob's pieces.
func (s s3) piecesPrefix(key string) string { return path.Join(s.prefix, stagingFolder, key) + "/" }

// pieceName returns the name of the piece at offset, with leading zeros, so that S3 lists the pieces in order.
func (s s3) pieceName(key string, offset int64) string {
	return s.piecesPrefix(key) + fmt.Sprintf("%020d", offset)
}

func (s s3) put(ctx context.Context, object string, r io.Reader, size int64) (int64, error) {
	stored, err := s.client.PutObject(ctx, s.bucket, object, r, size, minio.PutObjectOptions{
		PartSize: partSize, NumThreads: 1, ContentType: "application/octet-stream",
		// Over plain HTTP the body would be sent in signed chunks, which not every S3-compatible server supports.
		DisableContentSha256: true,
	})
	return stored.Size, err
}

// Put sends a blob that fits into one part in one request with its size. The size of a larger one is unknown until
// its end.
func (s s3) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	part := partBuffers.Get().(*[partSize]byte)
	defer partBuffers.Put(part)
	from := readerror.Reader{From: r}
	n, err := io.ReadFull(&from, part[:])
	if from.Err != nil {
		return 0, from.Err
	}
	begin := bytes.NewReader(part[:n])
	if err != nil { // that was all
		_, err = s.put(ctx, s.object(key), begin, int64(n))
		return int64(n), unavailable(err)
	}
	size, err := s.put(ctx, s.object(key), io.MultiReader(begin, &from), -1)
	return size, attribute(&from, err)
}

func (s s3) Open(ctx context.Context, key string) (io.ReadSeekCloser, error) {
	object, err := s.client.GetObject(ctx, s.bucket, s.object(key), minio.GetObjectOptions{})
	if err != nil {
		return nil, unavailable(err)
	}
	if _, err := object.Stat(); err != nil { // GetObject has not sent a request yet
		_ = object.Close()
		if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
			return nil, models.NotFound()
		}
		return nil, unavailable(err)
	}
	return s3Object{object}, nil
}

// s3Object returns errors of the storage.
type s3Object struct{ *minio.Object }

func (o s3Object) Read(p []byte) (int, error) {
	n, err := o.Object.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unavailable(err)
	}
	return n, err
}

func (o s3Object) Seek(offset int64, whence int) (int64, error) {
	at, err := o.Object.Seek(offset, whence)
	return at, unavailable(err)
}

// Delete also removes the parts that an interrupted Put or Seal has left.
func (s s3) Delete(ctx context.Context, key string) error {
	if err := s.Cut(ctx, key, 0); err != nil {
		return err
	}
	if err := s.client.RemoveIncompleteUpload(ctx, s.bucket, s.object(key)); err != nil {
		return unavailable(err)
	}
	return unavailable(s.client.RemoveObject(ctx, s.bucket, s.object(key), minio.RemoveObjectOptions{}))
}

// Append stores each part as soon as it is full, and also what was read before r failed.
func (s s3) Append(ctx context.Context, key string, offset int64, r io.Reader) (added int64, err error) {
	from := readerror.Reader{From: r}
	part := partBuffers.Get().(*[partSize]byte)
	defer partBuffers.Put(part)
	for {
		n, err := io.ReadFull(&from, part[:])
		if n > 0 {
			if err := s.addPiece(ctx, key, offset+added, part[:n]); err != nil {
				return added, err
			}
			added += int64(n)
		}
		if err != nil {
			return added, from.Err // nil at the end
		}
	}
}

func (s s3) addPiece(ctx context.Context, key string, offset int64, part []byte) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	_, err := s.put(ctx, s.pieceName(key, offset), bytes.NewReader(part), int64(len(part)))
	return unavailable(err)
}

// listPieces returns the pieces of a staged blob in order, up to the first gap. A piece that starts inside the
// previous one comes from a writer that lost the upload while it still sent a part; the same bytes have been sent
// again after that.
func (s s3) listPieces(ctx context.Context, key string) (names []string, size int64, err error) {
	ctx, cancel := context.WithCancel(ctx) // stops the listing when the loop ends early
	defer cancel()
	start := s.piecesPrefix(key)
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: start}) {
		if object.Err != nil {
			return nil, 0, unavailable(object.Err)
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
	_, size, err := s.listPieces(ctx, key)
	return size, err
}

// Cut removes the pieces at size and later, the first one first. size is always the offset of a piece.
func (s s3) Cut(ctx context.Context, key string, size int64) error {
	start := s.piecesPrefix(key)
	var beyond []string
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: start}) {
		if object.Err != nil {
			return unavailable(object.Err)
		}
		if object.Key >= s.pieceName(key, size) {
			beyond = append(beyond, object.Key)
		}
	}
	for _, name := range beyond {
		if err := s.client.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{}); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// Seal copies the pieces into one object, and removes them. S3 could join them itself only if all but the last had at
// least 5 MB, which depends on the client's connection. The first piece is removed first: without it, the pieces that
// a crash leaves are not a staged blob, so the object is known to be complete.
func (s s3) Seal(ctx context.Context, key string) error {
	names, size, err := s.listPieces(ctx, key)
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
		return unavailable(err)
	}
	return errors.Join(object.Close(), s.Cut(ctx, key, 0))
}

func (s s3) join(ctx context.Context, key string, names []string, size int64) error {
	if err := s.client.RemoveIncompleteUpload(ctx, s.bucket, s.object(key)); err != nil { // of an interrupted Seal
		return unavailable(err)
	}
	all := &concatReader{ctx: ctx, s: s, names: names}
	_, err := s.put(ctx, s.object(key), all, size)
	return unavailable(errors.Join(err, all.Close()))
}

// concatReader reads objects one after the other, and opens each when the previous one has ended.
type concatReader struct {
	ctx   context.Context //nolint:containedctx // of the one call that reads it
	s     s3
	names []string
	open  io.ReadCloser
}

func (j *concatReader) Read(p []byte) (int, error) {
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

func (j *concatReader) Close() error {
	if j.open == nil {
		return nil
	}
	err := j.open.Close()
	j.open = nil
	return err
}
