package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"

	"github.com/parley-chat/parley/models"
)

// RandomBytes returns size pseudorandom bytes, which are always the same for the same size.
func RandomBytes(size int) []byte {
	content := make([]byte, size)
	_, _ = io.ReadFull(RandomReader(size), content) // never fails
	return content
}

// RandomReader returns a reader of the content of RandomBytes that does not hold it in memory, of which the race
// detector needs several times as much.
func RandomReader(size int) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(size)}), int64(size))
}

// StreamRandom sends the content of RandomBytes as a request's body.
func (c *Client) StreamRandom(method, path string, size int, headers ...string) *Response {
	c.T.Helper()
	return c.StreamBody(method, path, RandomReader(size), int64(size), headers...)
}

// ExpectRandomFile expects a file to have the content of RandomBytes, in its description and in its download.
func (c *Client) ExpectRandomFile(id string, size int) {
	c.T.Helper()
	want := digestOfReader(c, RandomReader(size))
	f := Get[models.File](c, "/v1/files/"+id)
	if f.Size != int64(size) || f.SHA256 != want {
		c.T.Errorf("the file is %+v, want %d bytes with the digest %s", f, size, want)
	}
	if got := c.DownloadDigest(f); got != want {
		c.T.Errorf("the download has the digest %s, want %s", got, want)
	}
}

func digestOfReader(c *Client, r io.Reader) string {
	c.T.Helper()
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		c.T.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// StreamBody sends a body that is read while it is sent. With a size of -1 the request has no Content-Length.
func (c *Client) StreamBody(method, path string, body io.Reader, size int64, headers ...string) *Response {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(c.T.Context(), 5*Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, body)
	if err != nil {
		c.T.Fatal(err)
	}
	req.ContentLength = size
	response, err := c.Do(req, nil, headers)
	if err != nil {
		c.T.Fatal(err)
	}
	return response
}

// DownloadDigest downloads a file without holding it in memory, and returns its SHA-256 in hexadecimal.
func (c *Client) DownloadDigest(f models.File) string {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(c.T.Context(), 5*Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", c.URL+f.URL, http.NoBody)
	if err != nil {
		c.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	res, err := c.HTTP.Do(req)
	if err != nil {
		c.T.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	sum := sha256.New()
	if n, err := io.Copy(sum, res.Body); err != nil || n != f.Size || res.StatusCode != 200 {
		c.T.Fatalf("status %d, %d bytes, %v", res.StatusCode, n, err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
