package sse

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// requireCode fails the test unless err is a models.Error with the code.
func requireCode(t *testing.T, err error, code models.Code) {
	t.Helper()
	_ = errorWith(t, err, code)
}

// errorWith returns err as a models.Error, which must have the code.
func errorWith(t *testing.T, err error, code models.Code) *models.Error {
	t.Helper()
	var known *models.Error
	if !errors.As(err, &known) || known.Code != code {
		t.Fatalf("the error is %v, want %s", err, code)
	}
	return known
}

// tryOpen opens a stream that is expected to be refused, so it has no connection.
func (r *rig) tryOpen(l models.Login) error {
	o := OpenRequest{Caller: models.Caller{UserID: l.User.ID, SessionID: l.SessionID}}
	request := httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, "/", http.NoBody)
	return r.hub.Open(httptest.NewRecorder(), request, o)
}

// TestStreamsPerUser opens more streams than a user may have. Other users are not affected, and a stream that ends
// makes room for another.
func TestStreamsPerUser(t *testing.T) {
	r := newRig(t, Limits{Streams: 2})
	ada, bob := r.signUp("ada"), r.signUp("bob")
	first := r.watch(ada, 0, "")
	_ = r.watch(ada, 0, "")
	known := errorWith(t, r.tryOpen(ada), models.CodeRateLimited)
	if known.Busy != models.BusyStreams || known.RetryAfter != tooManyStreamsRetry ||
		!strings.Contains(known.Message, "2 streams") {
		t.Errorf("the error is %+v", known)
	}
	_ = r.watch(bob, 0, "")
	reset(first)
	eventually(t, func() string {
		if streams, _ := r.hub.Count(); streams != 2 {
			return "the first stream is still open"
		}
		return ""
	})
	_ = r.watch(ada, 0, "")
}

// TestRevokedSession logs out one of two sessions of a user: its stream ends with session.revoked, attached or not. The
// other one continues, and the session cannot open another stream.
func TestRevokedSession(t *testing.T) {
	r := newRig(t, Limits{})
	account := models.NewAccount{Username: "ada", PasswordHash: "hash"}
	phone, err := r.store.SignUp(t.Context(), account, models.NewSession{RefreshHash: "phone"}, nil)
	r.must(err)
	laptop, err := r.store.LogIn(t.Context(), phone.User.ID, "hash", models.NewSession{RefreshHash: "laptop"}, nil)
	r.must(err)
	room, _ := r.room(phone)
	ending, staying := r.watch(phone, room, ""), r.watch(laptop, room, "")
	r.attached()
	_, err = r.store.LogOut(t.Context(), phone.User.ID, phone.SessionID)
	r.must(err)
	if !ending.skipTo("event: session.revoked") {
		t.Error("the stream did not get session.revoked")
	}
	ending.requireEnd(t)
	r.send(laptop, room, "still here")
	if got := names(staying.until(t, "still here")); strings.Contains(got, "session.revoked") {
		t.Errorf("the stream of the other session got %q", got)
	}
	requireCode(t, r.tryOpen(phone), models.CodeSessionRevoked)
}

// TestStopAccepting checks that a hub that is about to stop refuses new streams, and keeps the open ones until it is
// closed.
func TestStopAccepting(t *testing.T) {
	r := newRig(t, Limits{})
	ada := r.signUp("ada")
	room, _ := r.room(ada)
	p := r.watch(ada, room, "")
	r.hub.StopAccepting()
	if known := errorWith(t, r.tryOpen(ada), models.CodeUnavailable); known.Busy != models.BusyStopping {
		t.Errorf("the error is %+v", known)
	}
	r.send(ada, room, "still here")
	p.until(t, "still here")
	r.close(testTimeout)
	if e := p.next(t); e.name != "server.closing" || !strings.HasPrefix(e.data, `{"reconnect_in_ms":`) {
		t.Errorf("when the hub closed, %v came", e)
	}
	p.requireEnd(t)
}

// TestBusyResponse checks the delay of a refused client, and that the event has no id.
func TestBusyResponse(t *testing.T) {
	for range 100 {
		body := string(BusyResponse(models.BusyStreams, 10*time.Second))
		retry, event, _ := strings.Cut(body, "\n\n")
		pause, err := time.ParseDuration(strings.TrimPrefix(retry, "retry: ") + "ms")
		if err != nil || pause < 10*time.Second || pause >= 16*time.Second {
			t.Fatalf("the client has to wait %v: %v", pause, err)
		}
		if event != "event: busy\ndata: {\"reason\":\"too_many_streams\"}\n\n" {
			t.Fatalf("the event is %q", event)
		}
	}
}
