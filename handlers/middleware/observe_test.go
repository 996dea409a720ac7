package middleware

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// observed serves one request by handle on /things/{thing} and on /invites/{code}, and returns the response and the
// log.
func observed(
	t *testing.T, metrics *prometheus.Registry, path string, handle http.HandlerFunc,
) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	r := chi.NewRouter()
	r.Use(Observe(slog.New(slog.NewTextHandler(&log, nil)), metrics, deadline.Default(), request.Proxies{}))
	for _, pattern := range []string{"/things/{thing}", "/invites/{code}", "/healthz"} {
		r.Get(pattern, handle)
	}
	w := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	req.Header.Set("X-Request-Id", "the-id")
	r.ServeHTTP(w, req)
	return w, log.String()
}

// TestLogLine logs requests: with what an operator looks for, and without an invite's code.
func TestLogLine(t *testing.T) {
	for _, c := range []struct {
		name, path string
		handle     http.HandlerFunc
		want       []string // "" for no line at all
		not        string
	}{
		{"a success", "/things/7", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") },
			[]string{"level=INFO", "path=/things/7", "route=/things/{thing}", "status=200", "bytes=5", "client=192.0.2.1",
				"request_id=the-id"}, "error="},
		{"an invite", "/invites/secret", func(http.ResponseWriter, *http.Request) {}, []string{"path=/invites/{code}"},
			"secret"},
		{"a refusal", "/things/7", func(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, models.NotFound()) },
			[]string{"level=INFO", "status=404", "error="}, "stack="},
		{"no database", "/things/7", func(w http.ResponseWriter, r *http.Request) {
			problem.Write(w, r, models.Errorf(models.CodeUnavailable, "Later."))
		}, []string{"level=WARN", "status=503"}, "stack="},
		{"a defect", "/things/7", func(w http.ResponseWriter, r *http.Request) {
			problem.Write(w, r,
				errors.New("disk on fire"))
		},
			[]string{"level=ERROR", "status=500", "disk on fire"}, "stack="},
		{"a panic", "/things/7", func(http.ResponseWriter, *http.Request) { panic("no way") },
			[]string{"level=ERROR", "status=500", "panic: no way", "stack="}, "status=200"},
		{"a probe", "/healthz", func(http.ResponseWriter, *http.Request) {}, nil, "level"},
	} {
		w, log := observed(t, prometheus.NewRegistry(), c.path, c.handle)
		for _, part := range c.want {
			if !strings.Contains(log, part) {
				t.Errorf("%s: %q is missing in %s", c.name, part, log)
			}
		}
		if strings.Contains(log, c.not) {
			t.Errorf("%s: %q is in %s", c.name, c.not, log)
		}
		if w.Header().Get("X-Request-Id") != "the-id" {
			t.Errorf("%s: the headers are %v", c.name, w.Header())
		}
	}
}

// TestPanicInTheMiddle panics after a part of the response: the connection is cut, so that it does not look complete.
func TestPanicInTheMiddle(t *testing.T) {
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
			t.Errorf("the panic is %v", p)
		}
	}()
	observed(t, prometheus.NewRegistry(), "/things/7", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("no way")
	})
}

// TestMetrics counts requests by their pattern, and refusals by their reason.
func TestMetrics(t *testing.T) {
	metrics := prometheus.NewRegistry()
	observed(
		t, metrics, "/things/7",
		func(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, limit.RateLimited("things", 0)) },
	)
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := []string{}
			for _, label := range m.GetLabel() {
				labels = append(labels, label.GetValue())
			}
			got[f.GetName()] += strings.Join(labels, " ")
		}
	}
	for name, want := range map[string]string{
		"parley_http_requests_total": "GET /things/{thing} 429", "parley_requests_refused_total": "things",
		"parley_http_request_duration_seconds": "GET /things/{thing} 429",
	} {
		if got[name] != want {
			t.Errorf("%s has the labels %q", name, got[name])
		}
	}
}

// TestHead bounds what a request's head may have.
func TestHead(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *http.Request)
		status int
	}{
		"nothing":      {func(*http.Request) {}, 200},
		"a long URL":   {func(r *http.Request) { r.RequestURI = "/" + strings.Repeat("x", models.MaxHeadBytes) }, 431},
		"many headers": {func(r *http.Request) { r.Header["X"] = make([]string, models.MaxHeadBytes/4) }, 431},
		"many ranges": {func(r *http.Request) { r.Header.Set("Accept", strings.Repeat("a/b,", models.MaxAcceptRanges)) },
			400},
		"U+0000":       {func(r *http.Request) { r.URL.RawQuery = "q=%00" }, 400},
		"not UTF-8":    {func(r *http.Request) { r.URL.RawQuery = "q=%ff" }, 400},
		"a bad escape": {func(r *http.Request) { r.URL.RawQuery = "q=%zz" }, 400},
		"a path":       {func(r *http.Request) { r.URL.Path = "/a\x00" }, 404},
	} {
		r := request.With(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), &request.Context{})
		c.change(r)
		w := httptest.NewRecorder()
		LimitHead(limit.Quotas{})(
			CheckURL(limit.Quotas{})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})),
		).ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

// TestOverrideMethod sends X-HTTP-Method-Override: it counts for a POST on an upload alone.
func TestOverrideMethod(t *testing.T) {
	for _, c := range []struct{ method, path, header, want string }{
		{"POST", "/v1/uploads/7", "PATCH", "PATCH"}, {"POST", "/v1/uploads/7", "delete", "DELETE"}, {"POST", "/v1/uploads",
			"HEAD", "HEAD"},
		{"POST", "/v1/uploads/7", "", "POST"}, {"GET", "/v1/uploads/7", "DELETE", "GET"}, {"POST", "/v1/rooms/7", "DELETE",
			"POST"},
		{"POST", "/v1/uploadsx", "DELETE", "POST"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, http.NoBody)
		r.Header.Set("X-HTTP-Method-Override", c.header)
		got := ""
		OverrideMethod(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Method })).ServeHTTP(
			httptest.NewRecorder(), r,
		)
		if got != c.want || r.Method != c.method {
			t.Errorf("%v: %s, and the original became %s", c, got, r.Method)
		}
	}
}
