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

// tryMessagePack converts the JSON body of a request to MessagePack and sends it. The returned response shows the
// request as JSON.
func (c *Client) tryMessagePack(req *http.Request, sent []byte, headers []string) (*Response, error) {
	packedRequest := req.Clone(req.Context())
	if len(sent) > 0 && json.Valid(sent) {
		packed, err := packJSON(sent)
		if err != nil {
			return nil, err
		}
		packedRequest.Body, packedRequest.ContentLength = io.NopCloser(bytes.NewReader(packed)), int64(len(packed))
		packedRequest.Header.Set("Content-Type", MessagePackType)
	}
	packedRequest.Header.Set("Accept", MessagePackType)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Accept" && headers[i+1] == "application/json" {
			headers[i+1] = MessagePackType // the route has other representations too
		}
	}
	response, err := c.Do(packedRequest, sent, headers)
	if err != nil {
		return nil, err
	}
	req.Header = packedRequest.Header.Clone()
	if req.Header.Get("Content-Type") == MessagePackType {
		req.Header.Set("Content-Type", "application/json")
	}
	response.Request = req
	err = response.unpack()
	return response, err
}

// unpack converts the MessagePack body of the response to JSON. A response in JSON is an error.
func (r *Response) unpack() error {
	if len(r.Body) == 0 {
		return nil
	}
	switch got := r.HTTP.Header.Get("Content-Type"); {
	case strings.HasPrefix(got, "application/") && strings.HasSuffix(got, "json"):
		return fmt.Errorf("%v has Content-Type %q in place of MessagePack", r, got)
	case got != MessagePackType:
		return nil // the bytes of a file, or of a part of one
	}
	unpacked, err := unpackJSON(r.Body)
	if err != nil {
		return fmt.Errorf("%v: %w", r, err)
	}
	r.Body = unpacked
	r.HTTP.Header.Set("Content-Type", "application/json")
	if r.HTTP.StatusCode >= 400 {
		r.HTTP.Header.Set("Content-Type", "application/problem+json")
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
	return msgpack.Marshal(convertNumbers(v))
}

// convertNumbers returns v with each json.Number as an int64 if it is an integer, and as a float64 otherwise.
func convertNumbers(v any) any {
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
			v[key] = convertNumbers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = convertNumbers(v[i])
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
		return nil, fmt.Errorf("%d bytes after the MessagePack value", rest.Len())
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err = e.Encode(v)
	return []byte(out.String()), err
}
