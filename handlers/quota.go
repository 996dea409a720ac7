package handlers

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/httprate"

	"github.com/parley-chat/parley/models"
)

// quotas bound how often anything is asked for, at figures that a person never meets. Each server counts for itself.
type quotas struct {
	requests *quota   // of a user, or of a network where there is no good token
	pages    *quota   // of the web client and the reference, by network
	guests   []*quota // made from one network, each minute and each hour
	accounts []*quota // likewise
	bytes    *quota   // of what a user writes, files left out
}

// newQuotas are the quotas of the contract, or none.
func newQuotas(on bool) quotas {
	if !on {
		return quotas{}
	}
	q := quotas{
		requests: newQuota("requests", models.MaxRequestsPerMinute, time.Minute),
		pages:    newQuota("pages", models.MaxRequestsPerMinute, time.Minute),
		guests: []*quota{
			newQuota("guests", models.MaxNewcomersPerMinute, time.Minute),
			newQuota("guests_per_hour", models.MaxNewcomersPerHour, time.Hour),
		},
		accounts: []*quota{
			newQuota("accounts", models.MaxNewcomersPerMinute, time.Minute),
			newQuota("accounts_per_hour", models.MaxNewcomersPerHour, time.Hour),
		},
		bytes: newQuota("bytes", models.MaxBytesPerHour, time.Hour),
	}
	q.bytes.quiet = true
	return q
}

// count takes a request off its caller's quota, or refuses it. It stands behind the gate, which knows the caller; what
// the gate refuses is counted by refuse. Probes are not counted.
func (q quotas) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !probes[r.URL.Path] {
			who := networkOf(r)
			if id := callerOf(r).UserID; id != 0 {
				who = userKey(id)
			}
			if err := q.requests.take(w, who, 1); err != nil {
				fail(w, r, err)
				return
			}
		}
		traceOf(r).bytes = q.bytes
		next.ServeHTTP(w, r)
	})
}

func userKey(id int64) string { return strconv.FormatInt(id, 10) }

// refuse fails a request that goes no further than this: a bad token, a path that is not there. It counts for the network,
// whatever token it shows: nobody can spend a user's requests without being that user.
func (q quotas) refuse(w http.ResponseWriter, r *http.Request, why error) {
	if err := q.requests.take(w, networkOf(r), 1); err != nil {
		why = err
	}
	fail(w, r, why)
}

// countPages counts what is open to everybody and the same for all. It has a quota of its own, so that a hundred people in
// one house who open the client keep none of them from logging in.
func (q quotas) countPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := q.pages.take(w, networkOf(r), 1); err != nil {
			fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// newcomer takes a guest or an account off the network's quotas of them.
func newcomer(w http.ResponseWriter, r *http.Request, of []*quota) error {
	for _, q := range of {
		if err := q.take(w, networkOf(r), 1); err != nil {
			return err
		}
	}
	return nil
}

// countBytes takes what the caller is about to store off what a user may.
func countBytes(w http.ResponseWriter, r *http.Request, n int) error {
	t := traceOf(r)
	if t.caller.UserID == 0 {
		return nil
	}
	return t.bytes.take(w, userKey(t.caller.UserID), n)
}

// quota is so much in each window for each of those who are counted; a nil one has no end.
type quota struct {
	name   string
	most   int
	window time.Duration
	start  time.Time // windows begin at whole ones from here
	quiet  bool      // tells what is left only once half of it is gone

	mu      sync.Mutex // from looking to counting
	counter httprate.LimitCounter
}

func newQuota(name string, most int, window time.Duration) *quota {
	return &quota{
		name: name, most: most, window: window, start: time.Now().UTC().Round(0),
		counter: httprate.NewLocalLimitCounter(window),
	}
}

// take takes n off what is left for who, and tells of it in the headers of the draft (draft-ietf-httpapi-ratelimit-headers).
// When there is not so much left it is rate_limited. The window slides: what was taken in the last one but this counts on
// in part.
func (q *quota) take(w http.ResponseWriter, who string, n int) error {
	if q == nil {
		return nil
	}
	now := time.Now()
	whole := q.window - now.Sub(q.start)%q.window
	taken, over := q.add(now, who, n)
	if over || !q.quiet || taken > q.most/2 {
		h := w.Header()
		h.Add("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", q.name, q.most, int(q.window.Seconds())))
		h.Add("RateLimit", fmt.Sprintf("%q;r=%d;t=%s", q.name, max(0, q.most-taken), seconds(whole)))
	}
	if !over {
		return nil
	}
	return limited(q.name, whole+q.window/time.Duration(q.most))
}

// add counts n for who, unless that is too much, and says how much is taken. With 0 it only looks whether there is any left.
func (q *quota) add(now time.Time, who string, n int) (taken int, over bool) {
	since := now.Sub(q.start)
	window := q.start.Add(since.Truncate(q.window))
	passed := float64(since%q.window) / float64(q.window)
	q.mu.Lock()
	defer q.mu.Unlock()
	this, last, err := q.counter.Get(who, window, window.Add(-q.window))
	if err != nil {
		return 0, false // a counter in memory has none
	}
	taken = int(float64(last)*(1-passed) + float64(this) + 0.5)
	if taken+max(n, 1) > q.most {
		return taken, true
	}
	if n > 0 {
		_ = q.counter.IncrementBy(who, window, n)
	}
	return taken + n, false
}

// limited is the refusal of what is over the limit of that name.
func limited(name string, again time.Duration) error {
	return &models.Error{
		Code: models.CodeRateLimited, RetryAfter: again, Limit: name,
		Message: fmt.Sprintf("Too many requests; try again in %s seconds.", seconds(again)),
	}
}
