package limit

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/models"
)

// codeOf is the code of an error; "" for nil.
func codeOf(err error) models.Code {
	var known *models.Error
	if errors.As(err, &known) {
		return known.Code
	}
	if err != nil {
		return "unknown"
	}
	return ""
}

// TestQuotaWindowSlides uses up a quota: it is refused with the time to wait, after which it works again. In the middle
// of the next window half of the last one still counts.
func TestQuotaWindowSlides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuota("things", 10, time.Minute)
		take := func(key string, n int) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			if err := q.take(w, key, n); err != nil {
				w.Code = http.StatusTooManyRequests
			}
			return w
		}
		for left := 9; left >= 0; left-- {
			w := take("ada", 1)
			want := `"things";r=` + string(rune('0'+left)) + ";t=60"
			if w.Code != http.StatusOK || w.Header().Get("RateLimit") != want ||
				w.Header().Get("RateLimit-Policy") != `"things";q=10;w=60` {
				t.Fatalf("%d are left: %d %v", left, w.Code, w.Header())
			}
		}
		if w := take("ada", 1); w.Code == http.StatusOK {
			t.Error("the eleventh is allowed")
		}
		if w := take("grace", 10); w.Code != http.StatusOK {
			t.Error("another key is refused")
		}
		if w := take("carl", 11); w.Code == http.StatusOK {
			t.Error("eleven at once are allowed")
		}
		if w := take("carl", 10); w.Code != http.StatusOK {
			t.Error("what was refused has been counted")
		}
		var refused *models.Error
		if err := q.take(httptest.NewRecorder(), "ada", 1); !errors.As(err, &refused) || refused.Limit != "things" {
			t.Fatalf("the refusal is %v", err)
		}
		time.Sleep(refused.RetryAfter) //nolint:forbidigo // the clock of synctest
		if w := take("ada", 1); w.Code != http.StatusOK {
			t.Errorf("after the wait of %s it is still refused", refused.RetryAfter)
		}
		time.Sleep(time.Minute + 30*time.Second - refused.RetryAfter) //nolint:forbidigo // the clock of synctest
		if taken, _ := q.add(time.Now(), "grace", 0); taken != 5 {
			t.Errorf("in the middle of the next window %d of 10 count", taken)
		}
	})
}

// TestQuotasCountByUserOrNetwork counts requests: with a user against the user, otherwise against the network, and
// refused ones always against the network.
func TestQuotasCountByUserOrNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQuotas(true, models.MaxRequestsPerMinute)
		user := requestFrom(t.Context(), http.MethodGet, "192.0.2.1", 7)
		network := requestFrom(t.Context(), http.MethodGet, "192.0.2.1", 0)
		for range models.MaxRequestsPerMinute {
			if err := q.TakeRequest(httptest.NewRecorder(), user); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.TakeRequest(httptest.NewRecorder(), user); codeOf(err) != models.CodeRateLimited {
			t.Errorf("a user over the quota gets %v", err)
		}
		bad := models.Errorf(models.CodeUnauthenticated, "bad token")
		for range models.MaxRequestsPerMinute {
			if err := q.TakeRefused(httptest.NewRecorder(), user, bad); !errors.Is(err, bad) {
				t.Fatalf("a refused request gets %v", err)
			}
		}
		if err := q.TakeRefused(httptest.NewRecorder(), user, bad); codeOf(err) != models.CodeRateLimited {
			t.Errorf("one refusal too many gets %v", err)
		}
		if err := q.TakeRequest(httptest.NewRecorder(), network); codeOf(err) != models.CodeRateLimited {
			t.Errorf("refusals do not count for the network: %v", err)
		}
		if err := q.TakePage(httptest.NewRecorder(), network); err != nil {
			t.Errorf("pages have no quota of their own: %v", err)
		}
		if err := q.TakeBytes(httptest.NewRecorder(), network, models.MaxBytesPerHour+1); err != nil {
			t.Errorf("bytes without a user are counted: %v", err)
		}
		if err := q.TakeBytes(httptest.NewRecorder(), user, models.MaxBytesPerHour+1); codeOf(err) != models.CodeRateLimited {
			t.Errorf("a user may write too much: %v", err)
		}
	})
}

// TestNewcomersOfANetwork creates guests and accounts: each has a quota of its own per minute, and one per hour.
func TestNewcomersOfANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQuotas(true, models.MaxRequestsPerMinute)
		r := requestFrom(t.Context(), http.MethodPost, "192.0.2.1", 0)
		created := 0
		for range 3 * 60 {
			for q.TakeGuest(httptest.NewRecorder(), r) == nil {
				created++
			}
			time.Sleep(time.Second) //nolint:forbidigo // the clock of synctest
		}
		if created < models.MaxNewcomersPerMinute || created > 4*models.MaxNewcomersPerMinute {
			t.Errorf("%d guests were created in three minutes", created)
		}
		if err := q.TakeAccount(httptest.NewRecorder(), r); err != nil {
			t.Errorf("guests count as accounts: %v", err)
		}
	})
}

// TestQuotasOff takes far more than any quota.
func TestQuotasOff(t *testing.T) {
	q := NewQuotas(false, 0)
	r := requestFrom(t.Context(), http.MethodGet, "192.0.2.1", 7)
	for range 2 * models.MaxRequestsPerMinute {
		w := httptest.NewRecorder()
		err := errors.Join(
			q.TakeRequest(w, r), q.TakePage(w, r), q.TakeGuest(w, r), q.TakeAccount(w, r), q.TakeBytes(w, r, 1<<40),
		)
		if err != nil || len(w.Header()) != 0 {
			t.Fatal(err, w.Header())
		}
	}
}
