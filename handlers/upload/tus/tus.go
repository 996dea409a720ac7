// Package tus reads and writes the headers of tus 1.0.0, the protocol for resumable uploads (https://tus.io), with its
// extensions creation, creation-with-upload, checksum, expiration and termination.
package tus

import (
	"crypto/sha1" //nolint:gosec // every tus server must take it; it guards against broken lines, not against people
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"time"
)

// The capabilities of a server with this package.
const (
	Version    = "1.0.0"
	Extensions = "creation,creation-with-upload,checksum,expiration,termination"
	Algorithms = "sha1,sha256,sha512"
	// ChunkType is the Content-Type of a chunk.
	ChunkType = "application/offset+octet-stream"
	// StatusChecksumMismatch is the status of a chunk that does not match its checksum.
	StatusChecksumMismatch = 460
)

// Metadata are the keys and values of Upload-Metadata.
type Metadata map[string]string

// ParseMetadata parses Upload-Metadata: keys and Base64 values, separated by commas. A key without a value has the
// empty value; a duplicate key is an error.
func ParseMetadata(header string) (Metadata, error) {
	m := Metadata{}
	if strings.TrimSpace(header) == "" {
		return m, nil
	}
	for pair := range strings.SplitSeq(header, ",") {
		key, encoded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		value, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
		if err != nil {
			return nil, fmt.Errorf("the value of %q is not Base64", key)
		}
		if _, twice := m[key]; twice || key == "" {
			return nil, errors.New("a key is empty or occurs twice")
		}
		m[key] = string(value)
	}
	return m, nil
}

// Checksum computes the digest of a chunk, and compares it with that of the client.
type Checksum struct {
	hash.Hash
	want []byte
}

var algorithms = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// ParseChecksum parses Upload-Checksum: an algorithm and a Base64 digest.
func ParseChecksum(header string) (*Checksum, error) {
	name, encoded, _ := strings.Cut(strings.TrimSpace(header), " ")
	algorithm, known := algorithms[name]
	if !known {
		return nil, fmt.Errorf("the algorithm must be one of %s", Algorithms)
	}
	want, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	c := &Checksum{Hash: algorithm(), want: want}
	if err != nil || len(want) != c.Size() {
		return nil, fmt.Errorf("the digest must be %d bytes in Base64", c.Size())
	}
	return c, nil
}

// Matches reports whether the bytes written have the digest of the client.
func (c *Checksum) Matches() bool { return subtle.ConstantTimeCompare(c.Sum(nil), c.want) == 1 }

// Expires formats t for Upload-Expires (RFC 9110, section 5.6.7).
func Expires(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
