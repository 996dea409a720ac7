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
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/parley-chat/parley/models"
)

const (
	// partSize is the size in bytes of what is sent to S3 at a time, and held in memory meanwhile. S3 takes 10,000 parts:
	// a blob may have 80 GB.
	partSize = 8 << 20
	// partTimeout bounds the storing of a part of which the client will not wait for the end any more.
	partTimeout = time.Minute
)

// s3 keeps each blob in an object of its own. A staged blob is a row of objects, one for each piece that came, named by
// where it begins: they need no book-keeping, any node can go on from there, and each survives what comes after it.
type s3 struct {
	client *minio.Client
	bucket string
	prefix string
}

// openS3 takes s3://bucket/prefix?endpoint=…&region=…. The endpoint may begin with http:// or https://, which it is when
// it says nothing; without one it is Amazon's. The keys are in the URL (s3://key:secret@bucket), or where Amazon's own
// programs look for them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, the machine's role.
func openS3(ctx context.Context, u *url.URL) (Store, error) {
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
	client, err := minio.New(endpoint, &minio.Options{
		Creds: keysOf(u), Secure: secure, Region: query.Get("region"), BucketLookup: lookup,
	})
	if err != nil {
		return nil, err
	}
	s := s3{client: client, bucket: u.Host, prefix: strings.Trim(u.Path, "/")}
	there, err := client.BucketExists(ctx, s.bucket)
	if err == nil && !there {
		err = errors.New("there is no such bucket")
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s at %s: %w", s.bucket, endpoint, err)
	}
	return s, nil
}

func keysOf(u *url.URL) *credentials.Credentials {
	if secret, given := u.User.Password(); given {
		return credentials.NewStaticV4(u.User.Username(), secret, "")
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
}

func (s s3) Close() error { return nil }

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

func (s s3) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	from := source{r: r}
	n, err := s.put(ctx, s.object(key), &from, -1)
	return n, from.blame(err)
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
	return object, nil
}

func (s s3) Delete(ctx context.Context, key string) error {
	if err := s.Cut(ctx, key, 0); err != nil {
		return err
	}
	return broken(s.client.RemoveObject(ctx, s.bucket, s.object(key), minio.RemoveObjectOptions{}))
}

// Append stores each part as soon as it is full. What came before the client broke off is stored as well, for which it
// does not wait any more.
func (s s3) Append(ctx context.Context, key string, offset int64, r io.Reader) (added int64, err error) {
	from := source{r: r}
	part := make([]byte, partSize)
	for {
		n, err := io.ReadFull(&from, part)
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), partTimeout)
	defer cancel()
	_, err := s.put(ctx, s.piece(key, offset), bytes.NewReader(part), int64(len(part)))
	return broken(err)
}

// piecesOf lists the pieces of a staged blob, in their order, up to the first gap.
func (s s3) piecesOf(ctx context.Context, key string) (names []string, size int64, err error) {
	ctx, cancel := context.WithCancel(ctx) // which ends the listing when it is left early
	defer cancel()
	start := s.pieces(key)
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: start}) {
		if object.Err != nil {
			return nil, 0, broken(object.Err)
		}
		if offset, err := strconv.ParseInt(strings.TrimPrefix(object.Key, start), 10, 64); err != nil || offset != size {
			break
		}
		names, size = append(names, object.Key), size+object.Size
	}
	return names, size, nil
}

func (s s3) Staged(ctx context.Context, key string) (int64, error) {
	_, size, err := s.piecesOf(ctx, key)
	return size, err
}

// Cut removes the pieces that begin at size or later. Whoever cuts does so where an Append began.
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
	return s.removeAll(ctx, beyond)
}

func (s s3) removeAll(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := s.client.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{}); err != nil {
			return broken(err)
		}
	}
	return nil
}

// Seal reads the pieces into one object, and removes them after. S3 could join them itself only if none but the last were
// smaller than 5 MB, and how large they are is up to the client's connection.
func (s s3) Seal(ctx context.Context, key string) error {
	names, size, err := s.piecesOf(ctx, key)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		object, err := s.Open(ctx, key)
		if err != nil {
			return broken(err)
		}
		return object.Close() // sealed before
	}
	all := &joined{ctx: ctx, s: s, names: names}
	_, err = s.put(ctx, s.object(key), all, size)
	if err := errors.Join(err, all.Close()); err != nil {
		return broken(err)
	}
	return s.removeAll(ctx, names)
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
