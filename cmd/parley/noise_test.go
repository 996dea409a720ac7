package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"

	"github.com/parley-chat/parley/models"
)

// noise is content of which no two parts are alike, and noiseOf the same to be read: the race detector takes several times
// what a test keeps in memory.
func noise(size int) []byte {
	content, _ := io.ReadAll(noiseOf(size)) // never fails
	return content
}

func noiseOf(size int) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(size)}), int64(size))
}

// streamNoise sends so much noise as a request's body.
func (c *client) streamNoise(method, path string, size int, headers ...string) *answer {
	c.t.Helper()
	return c.stream(method, path, noiseOf(size), int64(size), headers...)
}

// isNoise wants a file to be so much noise, in what is told of it and in what is downloaded.
func (c *client) isNoise(id string, size int) {
	c.t.Helper()
	want := sumOf(c, noiseOf(size))
	f := get[models.File](c, "/v1/files/"+id)
	if f.Size != int64(size) || f.SHA256 != want {
		c.t.Errorf("the file is %+v", f)
	}
	if got := c.digest(f); got != want {
		c.t.Errorf("what is downloaded has the digest %s, not %s", got, want)
	}
}

func sumOf(c *client, r io.Reader) string {
	c.t.Helper()
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		c.t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// stream sends a body that is made while it is sent. Its size is -1 when it is not to be told.
func (c *client) stream(method, path string, body io.Reader, size int64, headers ...string) *answer {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.ContentLength = size
	a, err := c.do(req, nil, headers)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// digest downloads a file and keeps nothing of it but its digest.
func (c *client) digest(f models.File) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", c.url+f.URL, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	sum := sha256.New()
	if n, err := io.Copy(sum, res.Body); err != nil || n != f.Size || res.StatusCode != 200 {
		c.t.Fatalf("status %d, %d bytes, %v", res.StatusCode, n, err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
