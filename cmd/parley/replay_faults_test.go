package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/models"
)

// faults is what a proxy between the replay and the server does to them.
type faults struct {
	loseAnswers  bool // drop the answer to every third message, after the server has stored it
	refuseSends  bool // refuse every fifth message for now
	expireTokens bool // say of each guest's first token that it has run out
	cutStreams   int  // cut each stream after so many events with an id; 0 for never
	onSend       func(n int64)
	// spoil changes an answer, or one event of a stream.
	spoil func(path, body string) string

	sends atomic.Int64
	lost  atomic.Int64
	busy  atomic.Int64
	spent atomic.Int64

	mu   sync.Mutex
	seen map[string]bool // keys of messages that had their fault
	// firstTokens are those that log-ins gave and that were not used yet.
	firstTokens map[string]bool
}

// startFaultyProxy starts a proxy before the server and returns its address.
func startFaultyProxy(t *testing.T, server string, f *faults) string {
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

func (f *faults) pass(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	if f.expireTokens && f.expires(r.Header.Get("Authorization")) {
		f.spent.Add(1)
		refuse(w, http.StatusUnauthorized, "token_expired")
		return
	}
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/messages") {
		n := f.sends.Add(1)
		if f.onSend != nil {
			f.onSend(n)
		}
		key := r.Header.Get("Idempotency-Key")
		switch {
		case f.loseAnswers && n%3 == 0 && f.first(key):
			f.lost.Add(1)
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case f.refuseSends && n%5 == 0 && f.first(key):
			f.busy.Add(1)
			refuse(w, []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}[n%2], "")
			return
		}
	}
	forward.ServeHTTP(w, r)
}

// expires reports whether a token is one that a log-in gave, and ends it. Those that it is renewed for stay good.
func (f *faults) expires(authorization string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.firstTokens[authorization]
	delete(f.firstTokens, authorization)
	return first
}

// first reports whether it is asked about a key for the first time. Without one a request is never made again.
func (f *faults) first(key string) bool {
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

// change puts the spoiled answer or stream in place of the server's.
func (f *faults) change(res *http.Response) error {
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
	if f.spoil != nil {
		spoiled = f.spoil(path, spoiled)
	}
	res.Body = io.NopCloser(strings.NewReader(spoiled))
	res.ContentLength = int64(len(spoiled))
	res.Header.Set("Content-Length", strconv.Itoa(len(spoiled)))
	return nil
}

func (f *faults) noteToken(body []byte) {
	var s models.Session
	if json.Unmarshal(body, &s) == nil && s.AccessToken != "" {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.firstTokens["Bearer "+s.AccessToken] = true
	}
}

// changeStream passes a stream on event by event.
func (f *faults) changeStream(path string, stream io.ReadCloser) io.ReadCloser {
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
				if f.spoil != nil {
					event = f.spoil(path+" stream", event)
				}
				if _, err := io.WriteString(in, event); err != nil {
					return
				}
				if strings.HasPrefix(event, "id:") {
					events++
				}
				if f.cutStreams > 0 && events == f.cutStreams {
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

// pipedStream closes its source with itself, so that the one who copies is never left waiting.
type pipedStream struct {
	*io.PipeReader
	source io.Closer
}

func (p *pipedStream) Close() error {
	_ = p.source.Close()
	return p.PipeReader.Close()
}

// TestReplayBearsABadConnection: answers that are lost after the fact, refusals that pass, tokens that run out and
// streams that are cut must change nothing in what is there at last.
func TestReplayBearsABadConnection(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		f := &faults{loseAnswers: true, refuseSends: true, expireTokens: true, cutStreams: 4}
		printed, err := runReplay(t, startFaultyProxy(t, s.url, f), teaLogs(t))
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if n := row(t, printed, "messages"); n != 49 {
			t.Errorf("%d messages, not 49", n)
		}
		if f.lost.Load() < 10 || f.busy.Load() < 3 || f.spent.Load() < 12 || row(t, printed, "reader reconnects") < 10 {
			t.Errorf("hardly any faults were met: %d lost answers, %d refusals, %d spent tokens, and\n%s",
				f.lost.Load(), f.busy.Load(), f.spent.Load(), printed)
		}
	})
}

// TestReplayNoticesEachFault lets a proxy falsify one thing that the server says: the replay must fail over it.
func TestReplayNoticesEachFault(t *testing.T) {
	t.Parallel()
	s := startServer(t, filepath.Join(t.TempDir(), "parley.db"))
	second := `"text":"second"`
	for name, c := range map[string]struct {
		spoil func(path, body string) string
		want  string
	}{
		"a message lost on the stream": {func(path, body string) string {
			if strings.HasSuffix(path, " stream") && strings.Contains(body, second) {
				return ": nothing\n\n"
			}
			return body
		}, "where message 3 of"},
		"a message twice on the stream": {func(path, body string) string {
			if strings.HasSuffix(path, " stream") && strings.Contains(body, second) {
				return body + body
			}
			return body
		}, "reader 1: #tea 2020-01-01: got message 3"},
		"a resync": {func(path, body string) string {
			if strings.HasSuffix(path, " stream") && strings.Contains(body, second) {
				return body + "event: resync\ndata: {\"reason\":\"expired\"}\n\n"
			}
			return body
		}, "was told to read again"},
		"a stream that forgot where it was": {func(path, body string) string {
			if strings.HasSuffix(path, " stream") {
				return strings.Replace(body, `"resumed":false`, `"resumed":true`, 1)
			}
			return body
		}, "got ready"},
		"another text in the history": {func(path, body string) string {
			if strings.HasSuffix(path, "/messages") && strings.Contains(body, `"items"`) {
				return strings.ReplaceAll(body, second, `"text":"2nd"`)
			}
			return body
		}, `in the history after 1: message 3 of`},
		"a wrong answer to a message": {func(path, body string) string {
			if strings.HasSuffix(path, "/messages") && !strings.Contains(body, `"items"`) {
				return strings.ReplaceAll(body, second, `"text":"2nd"`)
			}
			return body
		}, "the answer to message 3 of"},
		"a wrong count": {func(_, body string) string {
			return strings.ReplaceAll(body, `"message_count":46`, `"message_count":44`)
		}, "message_count is 44, not 46"},
		"a member with another name": {func(path, body string) string {
			if strings.HasSuffix(path, "/members") {
				return strings.ReplaceAll(body, `"display_name":"3com"`, `"display_name":"4com"`)
			}
			return body
		}, "is listed as a member, wrongly or twice"},
		"an event of another name in the log": {func(path, body string) string {
			if path == "/v1/events" {
				return strings.ReplaceAll(body, `"event":"member.left"`, `"event":"member.updated"`)
			}
			return body
		}, "the log: #tea 2020-01-01: got"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			printed, err := runReplay(t, startFaultyProxy(t, s.url, &faults{spoil: c.spoil}), teaLogs(t))
			if err == nil || !strings.Contains(err.Error(), "differences") {
				t.Errorf("got the error %v", err)
			}
			if !strings.Contains(printed, c.want) {
				t.Errorf("%q is not in\n%s", c.want, printed)
			}
		})
	}
}
