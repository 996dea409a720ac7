package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/vmihailenco/msgpack/v5"
)

// MessagePackType is the media type of MessagePack.
const MessagePackType = "application/msgpack"

// WithMessagePack returns a client that sends and accepts MessagePack on every call. Its responses are converted to
// JSON, so that the contract check and the tests read both.
func (c *Client) WithMessagePack() *Client {
	other := *c
	other.messagePack = true
	return &other
}

// tryMessagePack sends a request, whose body is JSON, in MessagePack.
func (c *Client) tryMessagePack(req *http.Request, sent []byte, headers []string) (*Response, error) {
	made := req.Clone(req.Context())
	if len(sent) > 0 && json.Valid(sent) {
		packed, err := packJSON(sent)
		if err != nil {
			return nil, err
		}
		made.Body, made.ContentLength = io.NopCloser(bytes.NewReader(packed)), int64(len(packed))
		made.Header.Set("Content-Type", MessagePackType)
	}
	made.Header.Set("Accept", MessagePackType)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Accept" && headers[i+1] == "application/json" {
			headers[i+1] = MessagePackType // of a route that answers something else too
		}
	}
	a, err := c.Do(made, sent, headers)
	if err != nil {
		return nil, err
	}
	req.Header = made.Header.Clone()
	if req.Header.Get("Content-Type") == MessagePackType {
		req.Header.Set("Content-Type", "application/json")
	}
	a.Request = req
	err = a.unpack()
	return a, err
}

// unpack turns the answer into the JSON that it stands for.
func (a *Response) unpack() error {
	if len(a.Body) == 0 {
		return nil
	}
	switch got := a.HTTP.Header.Get("Content-Type"); {
	case strings.HasPrefix(got, "application/") && strings.HasSuffix(got, "json"):
		return fmt.Errorf("%v came as %q", a, got)
	case got != MessagePackType:
		return nil // the bytes of a file, or of a part of one
	}
	unpacked, err := unpackJSON(a.Body)
	if err != nil {
		return fmt.Errorf("%v: %w", a, err)
	}
	a.Body = unpacked
	a.HTTP.Header.Set("Content-Type", "application/json")
	if a.HTTP.StatusCode >= 400 {
		a.HTTP.Header.Set("Content-Type", "application/problem+json")
	}
	return nil
}

func packJSON(b []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return msgpack.Marshal(numbers(v))
}

// numbers is v with the numbers of JSON as whole ones, where they are.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case map[string]any:
		for key := range v {
			v[key] = numbers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	}
	return v
}

func unpackJSON(b []byte) ([]byte, error) {
	rest := bytes.NewReader(b)
	v, err := msgpack.NewDecoder(rest).DecodeInterface()
	if err != nil {
		return nil, err
	}
	if rest.Len() > 0 {
		return nil, fmt.Errorf("%d bytes follow the value", rest.Len())
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err = e.Encode(v)
	return []byte(out.String()), err
}
