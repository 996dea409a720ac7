package upload

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// form is a request with a form of this body.
func form(t *testing.T, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	return request.With(r, &request.Context{})
}

func codeOf(err error) (code models.Code) {
	var known *models.Error
	if errors.As(err, &known) {
		code = known.Code
	}
	return code
}

// TestForms reads forms to their end: a complete one has an end, any other an error.
func TestForms(t *testing.T) {
	const part = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhello\r\n"
	for name, c := range map[string]struct {
		body  string
		limit int64
		parts int
		code  models.Code
	}{
		"one part":              {part + "--b--\r\n", 100, 1, ""},
		"no line break":         {part + "--b--", 100, 1, ""},
		"two parts":             {part + part + "--b--\r\n", 100, 2, ""},
		"without an end":        {part, 100, 0, models.CodeMalformedBody},
		"cut off in its header": {"--b\r\nContent-Dispo", 100, 0, models.CodeMalformedBody},
		"nothing":               {"", 100, 0, models.CodeMalformedBody},
		"too much":              {part + strings.Repeat("x", models.MaxBodyBytes) + "--b--\r\n", 1, 0, models.CodeTooLarge},
	} {
		r := form(t, c.body)
		parts, err := FormParts(r, r.Body, c.limit)
		n := 0
		for err == nil {
			part, e := NextPart(parts)
			if err = e; err != nil || part == nil {
				break
			}
			if _, err = io.Copy(io.Discard, PartBody(part)); err == nil {
				n++
			}
		}
		if n != c.parts || codeOf(err) != c.code || err != nil && c.code == "" {
			t.Errorf("%s: %d parts, %v", name, n, err)
		}
	}
	r := form(t, "")
	r.Header.Set("Content-Type", "multipart/form-data")
	if _, err := FormParts(r, r.Body, 1); codeOf(err) != models.CodeMalformedBody {
		t.Errorf("without a boundary: %v", err)
	}
}

// TestPendingBytes counts what a user's other requests bring.
func TestPendingBytes(t *testing.T) {
	p := &PendingBytes{}
	others, endFirst := p.Begin(7, 100)
	second, endSecond := p.Begin(7, 10)
	stranger, endStranger := p.Begin(8, 1)
	if others != 0 || second != 100 || stranger != 0 || p.Of(7) != 110 || p.Of(9) != 0 {
		t.Errorf("there are %d, %d and %d others, and %d in all", others, second, stranger, p.Of(7))
	}
	endFirst()
	if p.Of(7) != 10 {
		t.Errorf("after the first, %d are left", p.Of(7))
	}
	endSecond()
	endStranger()
	if len(p.byUser) != 0 {
		t.Errorf("in the end there is %v", p.byUser)
	}
}

// drip is a body that brings a byte after each pause.
type drip struct{ pause time.Duration }

func (d drip) Read(b []byte) (int, error) {
	time.Sleep(d.pause) //nolint:forbidigo // the clock of synctest
	return copy(b, "x"), nil
}

// TestSlowBodyDeadlines reads a slow body: the deadline moves on with each byte, up to what the minimum rate allows.
func TestSlowBodyDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := deadline.Limits{Stall: 10 * time.Second, Grace: time.Minute, Rate: 1}
		r := request.With(
			httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", drip{5 * time.Second}),
			&request.Context{Limits: limits},
		)
		var until time.Time
		ended := false
		body := newSlowBody(r, func(t time.Time) { until = t }, func() { ended = true })
		start := time.Now()
		for i := range 20 {
			before := time.Now()
			if _, err := body.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			want := min(before.Add(limits.Stall).Sub(start), limits.Allowed(int64(i)))
			if got := until.Sub(start); got != want {
				t.Errorf("after %d bytes the deadline is %s from the start, wanted %s", i, got, want)
			}
		}
		body.r = strings.NewReader("")
		if _, err := body.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || !ended {
			t.Errorf("the end is %v, noticed: %v", err, ended)
		}
		until = time.Time{}
		if _, err := body.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || !until.IsZero() {
			t.Errorf("after the end: %v, and a deadline at %s", err, until)
		}
	})
}

// TestInterruptWaitsForTheWriter stops the request that writes to an upload, and returns at its end.
func TestInterruptWaitsForTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := newWriters()
		ws.interrupt(t.Context(), "nobody writes to it")
		w, leave := ws.enter("an upload", http.NewResponseController(httptest.NewRecorder()))
		returned := false
		go func() {
			ws.interrupt(t.Context(), "an upload")
			returned = true
		}()
		synctest.Wait()
		if !w.wasStopped() || returned {
			t.Errorf("the writer was stopped: %v, interrupt has returned: %v", w.wasStopped(), returned)
		}
		leave()
		synctest.Wait()
		if !returned || len(ws.writing) != 0 {
			t.Errorf("interrupt has returned: %v, writers: %v", returned, ws.writing)
		}
	})
}
