package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// NewerServer stands in front of a server and answers as a later version of Parley may: with fields in every object,
// values of open enumerations, a code of a problem and an event that today's contract does not know. Nothing that
// today's contract promises is missing. The counters tell what was really sent.
type NewerServer struct {
	URL    string
	fields atomic.Int64
	values atomic.Int64
	events atomic.Int64
}

// newerValues has, for a field and a value of today, the value of a later version.
var newerValues = map[string]map[string]string{
	"code": {"not_found": "not_invented_yet"},
	"type": {"text": "hologram", "file": "hologram"},
	"kind": {"public": "federated"},
	"role": {"owner": "emperor"},
}

// NewerEventName is the kind of newerEvent, which this version does not have. A field with a known name has its known
// type.
const (
	NewerEventName = "poll.opened"

	newerEvent = `{"id":"later-1","event":"` + NewerEventName + `","data":` + newerData + `}`
	newerData  = `{"room_id":1,"poll":{"id":"p1","options":["a","b"]},"closes_at":"2036-03-14T09:26:53.589Z"}`
)

// StartNewerServer starts the proxy, which stops at the end of the test.
func StartNewerServer(t *testing.T, server string) *NewerServer {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	n := &NewerServer{}
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1,
		ModifyResponse: n.change,
		ErrorLog:       log.New(io.Discard, "", 0),
	})
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
		transport.CloseIdleConnections()
	})
	n.URL = proxy.URL
	return n
}

// change replaces the body of a JSON response, or of a stream of events.
func (n *NewerServer) change(res *http.Response) error {
	mediaType, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if mediaType == "text/event-stream" {
		res.Body = n.changeStream(res.Body)
		return nil
	}
	if mediaType != "application/json" && mediaType != "application/problem+json" {
		return nil
	}
	decoder := json.NewDecoder(res.Body)
	decoder.UseNumber()
	var body any
	if err := decoder.Decode(&body); err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	n.grow(body)
	if page, ok := body.(map[string]any); ok && strings.HasPrefix(res.Request.URL.Path, "/v1/events") {
		if items, ok := page["items"].([]any); ok {
			page["items"] = append([]any{json.RawMessage(newerEvent)}, items...)
			n.events.Add(1)
		}
	}
	changed, err := json.Marshal(body)
	if err != nil {
		return err
	}
	res.Body = io.NopCloser(bytes.NewReader(changed))
	res.ContentLength = int64(len(changed))
	res.Header.Set("Content-Length", strconv.Itoa(len(changed)))
	return nil
}

// changeStream returns the stream with an unknown event before each event, and with what grow adds to the data of each.
func (n *NewerServer) changeStream(stream io.ReadCloser) io.ReadCloser {
	changed, writer := io.Pipe()
	go func() {
		defer func() { _ = stream.Close() }()
		_ = writer.CloseWithError(n.copyStream(writer, stream))
	}()
	return changed
}

func (n *NewerServer) copyStream(w io.Writer, stream io.Reader) error {
	lines := bufio.NewReader(stream)
	event := ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		if line != "\n" {
			event += line
			continue
		}
		if event, err = n.changeEvent(event); err != nil {
			return err
		}
		if _, err := io.WriteString(w, event+"\n"); err != nil {
			return err
		}
		event = ""
	}
}

// changeEvent changes the lines of an event, and puts an unknown event before them.
func (n *NewerServer) changeEvent(lines string) (string, error) {
	head, data, found := strings.Cut(lines, "data: ")
	if !found {
		return lines, nil
	}
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", err
	}
	n.grow(value)
	changed, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	n.events.Add(1)
	return "event: " + NewerEventName + "\ndata: " + newerData + "\n\n" + head + "data: " + string(changed) + "\n", nil
}

// grow adds what this version does not know to a JSON value and to all in it.
func (n *NewerServer) grow(value any) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			n.grow(item)
		}
	case map[string]any:
		for name, field := range v {
			text, _ := field.(string)
			if newer, ok := newerValues[name][text]; ok {
				v[name] = newer
				n.values.Add(1)
			}
			n.grow(field)
		}
		v["of_a_later_version"] = map[string]any{"list": []any{1, "two"}}
		n.fields.Add(1)
	}
}

// ExpectUnknown fails the test unless the client was sent something unknown of each kind.
func (n *NewerServer) ExpectUnknown(t *testing.T) {
	t.Helper()
	if n.fields.Load() == 0 || n.values.Load() == 0 || n.events.Load() == 0 {
		t.Errorf("the client got %d unknown fields, %d unknown values and %d unknown events, want some of each",
			n.fields.Load(), n.values.Load(), n.events.Load())
	}
}
