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

// FaultyProxy says what a proxy in front of a server does to requests and responses.
type FaultyProxy struct {
	LoseResponses bool // drop the answer to every third message, after the server has stored it
	RefuseSends   bool // refuse every fifth message for now
	ExpireTokens  bool // say of each guest's first token that it has run out
	CutStreams    int  // cut each stream after so many events with an id; 0 for never
	OnSend        func(n int64)
	// ChangeBody changes an answer, or one event of a stream.
	ChangeBody func(path, body string) string

	sends   atomic.Int64
	Lost    atomic.Int64
	Refused atomic.Int64
	Spent   atomic.Int64

	mu   sync.Mutex
	seen map[string]bool // keys of messages that had their fault
	// firstTokens are those that log-ins gave and that were not used yet.
	firstTokens map[string]bool
}

// StartFaultyProxy starts a proxy in front of the server and returns its URL.
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
		ModifyResponse: f.change,
		ErrorLog:       log.New(io.Discard, "", 0),
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.pass(w, r, forward) }))
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
		transport.CloseIdleConnections()
	})
	return proxy.URL
}

func (f *FaultyProxy) pass(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	if f.ExpireTokens && f.expires(r.Header.Get("Authorization")) {
		f.Spent.Add(1)
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
		case f.LoseResponses && n%3 == 0 && f.first(key):
			f.Lost.Add(1)
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case f.RefuseSends && n%5 == 0 && f.first(key):
			f.Refused.Add(1)
			refuse(w, []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}[n%2], "")
			return
		}
	}
	forward.ServeHTTP(w, r)
}

// expires reports whether a token is one that a log-in gave, and ends it. Those that it is renewed for stay good.
func (f *FaultyProxy) expires(authorization string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.firstTokens[authorization]
	delete(f.firstTokens, authorization)
	return first
}

// first reports whether it is asked about a key for the first time. Without one a request is never made again.
func (f *FaultyProxy) first(key string) bool {
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

// change replaces the server's response or stream by the changed one.
func (f *FaultyProxy) change(res *http.Response) error {
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
	if path == "/v1/sessions" {
		f.noteToken(body)
	}
	spoiled := string(body)
	if f.ChangeBody != nil {
		spoiled = f.ChangeBody(path, spoiled)
	}
	res.Body = io.NopCloser(strings.NewReader(spoiled))
	res.ContentLength = int64(len(spoiled))
	res.Header.Set("Content-Length", strconv.Itoa(len(spoiled)))
	return nil
}

func (f *FaultyProxy) noteToken(body []byte) {
	var s models.Session
	if json.Unmarshal(body, &s) == nil && s.AccessToken != "" {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.firstTokens["Bearer "+s.AccessToken] = true
	}
}

// changeStream passes a stream on event by event.
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

// pipedStream closes its source with itself, so that the goroutine that copies is never left waiting.
type pipedStream struct {
	*io.PipeReader
	source io.Closer
}

// Close closes both ends.
func (p *pipedStream) Close() error {
	_ = p.source.Close()
	return p.PipeReader.Close()
}
