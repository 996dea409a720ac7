package harness

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/models"
)

// FaultyProxy configures which faults a proxy in front of a server injects into requests and responses, and counts
// them.
type FaultyProxy struct {
	LoseResponses bool // drop the response to every third send, after the server has stored the message
	RefuseSends   bool // reject every fifth send with 503 or 429
	ExpireTokens  bool // reject the first use of each log-in's token as expired
	CutStreams    int  // cut each stream after this number of events with an id; 0 for never
	OnSend        func(n int64)
	// ChangeBody, unless it is nil, returns what replaces the body of a response or one event of a stream.
	ChangeBody func(path, body string) string

	sends         atomic.Int64
	Acknowledged  atomic.Int64 // responses to sends that say that the message is stored
	Lost          atomic.Int64
	Refused       atomic.Int64
	ExpiredTokens atomic.Int64

	mu   sync.Mutex
	seen map[string]bool // idempotency keys of sends that have had a fault
	// firstTokens holds the Authorization headers of tokens that a log-in returned and that were not used yet.
	firstTokens map[string]bool
}

// StartFaultyProxy starts a proxy in front of the server and returns its URL. It stops at the end of the test.
func StartFaultyProxy(t *testing.T, server string, f *FaultyProxy) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	f.seen, f.firstTokens = map[string]bool{}, map[string]bool{}
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	forward := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1,
		ModifyResponse: f.changeResponse,
		ErrorLog:       log.New(io.Discard, "", 0),
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, forward) }))
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
		transport.CloseIdleConnections()
	})
	return proxy.URL
}

func (f *FaultyProxy) serve(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	if f.ExpireTokens && f.expireFirstToken(r.Header.Get("Authorization")) {
		f.ExpiredTokens.Add(1)
		refuse(w, http.StatusUnauthorized, "token_expired")
		return
	}
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/messages") {
		n := f.sends.Add(1)
		if f.OnSend != nil {
			f.OnSend(n)
		}
		key := r.Header.Get("Idempotency-Key")
		switch {
		case f.LoseResponses && n%3 == 0 && f.isFirstFault(key):
			f.Lost.Add(1)
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case f.RefuseSends && n%5 == 0 && f.isFirstFault(key):
			f.Refused.Add(1)
			refuse(w, []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}[n%2], "")
			return
		}
	}
	forward.ServeHTTP(w, r)
}

// expireFirstToken reports whether a log-in returned the token and it was not used yet. It reports that once for each
// token. Tokens of a refresh are not affected.
func (f *FaultyProxy) expireFirstToken(authorization string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.firstTokens[authorization]
	delete(f.firstTokens, authorization)
	return first
}

// isFirstFault reports whether the request with the idempotency key has had no fault yet, and records that it has one
// now. A request without a key is never repeated, so it counts as new.
func (f *FaultyProxy) isFirstFault(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	again := f.seen[key] && key != ""
	f.seen[key] = true
	return !again
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"type":"about:blank","title":"`+http.StatusText(status)+`","status":`+
		strconv.Itoa(status)+`,"code":"`+code+`"}`)
}

// changeResponse applies ChangeBody and CutStreams to the server's response or stream.
func (f *FaultyProxy) changeResponse(res *http.Response) error {
	path := res.Request.URL.Path
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		res.Body = f.changeStream(path, res.Body)
		return nil
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.Request.Method == http.MethodPost && strings.HasSuffix(path, "/messages") && res.StatusCode < 300 {
		f.Acknowledged.Add(1)
	}
	if path == "/v1/sessions" {
		f.recordFirstToken(body)
	}
	changed := string(body)
	if f.ChangeBody != nil {
		changed = f.ChangeBody(path, changed)
	}
	res.Body = io.NopCloser(strings.NewReader(changed))
	res.ContentLength = int64(len(changed))
	res.Header.Set("Content-Length", strconv.Itoa(len(changed)))
	return nil
}

func (f *FaultyProxy) recordFirstToken(body []byte) {
	var s models.Session
	if json.Unmarshal(body, &s) == nil && s.AccessToken != "" {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.firstTokens["Bearer "+s.AccessToken] = true
	}
}

// changeStream copies a stream event by event, applies ChangeBody to each event, and cuts it as CutStreams says.
func (f *FaultyProxy) changeStream(path string, stream io.ReadCloser) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		defer func() { _ = stream.Close() }()
		var pending []byte
		events := 0
		chunk := make([]byte, 4096)
		for {
			n, err := stream.Read(chunk)
			pending = append(pending, chunk[:n]...)
			for {
				end := bytes.Index(pending, []byte("\n\n"))
				if end < 0 {
					break
				}
				event := string(pending[:end+2])
				pending = pending[end+2:]
				if f.ChangeBody != nil {
					event = f.ChangeBody(path+" stream", event)
				}
				if _, err := io.WriteString(in, event); err != nil {
					return
				}
				if strings.HasPrefix(event, "id:") {
					events++
				}
				if f.CutStreams > 0 && events == f.CutStreams {
					_ = in.CloseWithError(io.ErrUnexpectedEOF)
					return
				}
			}
			if err != nil {
				_ = in.CloseWithError(err)
				return
			}
		}
	}()
	return &pipedStream{PipeReader: out, source: stream}
}

// pipedStream closes its source when it is closed, so that the goroutine that copies does not wait forever.
type pipedStream struct {
	*io.PipeReader
	source io.Closer
}

// Close closes both ends.
func (p *pipedStream) Close() error {
	_ = p.source.Close()
	return p.PipeReader.Close()
}
