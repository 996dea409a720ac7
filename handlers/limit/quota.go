package limit

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/httprate"

	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// Quotas limit how often clients may call the server, at figures that a person never reaches. Each server counts for
// itself.
type Quotas struct {
	requests *quota   // per user, or per network where there is no valid token
	pages    *quota   // requests for the web client and the reference, per network
	guests   []*quota // guests created from one network, per minute and per hour
	accounts []*quota // accounts created from one network, per minute and per hour
	bytes    *quota   // bytes that a user writes, without files
}

// NewQuotas returns the quotas of the contract, with a number of requests per minute, or quotas without limits.
func NewQuotas(on bool, requests int) Quotas {
	if !on {
		return Quotas{}
	}
	q := Quotas{
		requests: newQuota("requests", requests, time.Minute),
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

// TakeRequest counts a request against the quota of its caller, or of its network where there is no caller. It returns
// rate_limited when the quota is used up.
func (q Quotas) TakeRequest(w http.ResponseWriter, r *http.Request) error {
	key := request.Network(r)
	if id := request.Caller(r).UserID; id != 0 {
		key = UserKey(id)
	}
	return q.requests.take(w, key, 1)
}

// TakeRefused counts a request that is refused with err before it reaches its handler: for a bad token, or for a path
// that does not exist. It counts against the network, whatever token the request shows: nobody can use up a user's
// requests without being that user. It returns err, or rate_limited when the quota is used up.
func (q Quotas) TakeRefused(w http.ResponseWriter, r *http.Request, err error) error {
	if limited := q.requests.take(w, request.Network(r), 1); limited != nil {
		return limited
	}
	return err
}

// TakePage counts a request for a page that is public and the same for all. Pages have a quota of their own, so that a
// hundred people behind one address who open the client do not keep each other from logging in.
func (q Quotas) TakePage(w http.ResponseWriter, r *http.Request) error {
	return q.pages.take(w, request.Network(r), 1)
}

// TakeGuest counts a guest who is about to be created.
func (q Quotas) TakeGuest(w http.ResponseWriter, r *http.Request) error {
	return takeAll(w, r, q.guests)
}

// TakeAccount counts an account that is about to be created.
func (q Quotas) TakeAccount(w http.ResponseWriter, r *http.Request) error {
	return takeAll(w, r, q.accounts)
}

func takeAll(w http.ResponseWriter, r *http.Request, list []*quota) error {
	for _, q := range list {
		if err := q.take(w, request.Network(r), 1); err != nil {
			return err
		}
	}
	return nil
}

// TakeBytes counts n bytes that the caller is about to store.
func (q Quotas) TakeBytes(w http.ResponseWriter, r *http.Request, n int) error {
	id := request.Caller(r).UserID
	if id == 0 {
		return nil
	}
	return q.bytes.take(w, UserKey(id), n)
}

// UserKey is the key under which limits count a user.
func UserKey(id int64) string { return strconv.FormatInt(id, 10) }

// quota allows a number of units in each window for each key. A nil quota has no limit.
type quota struct {
	name   string
	limit  int
	window time.Duration
	start  time.Time // windows begin at multiples of the window from here
	quiet  bool      // reports what is left only once half of it is used
	policy string    // the policy as the header has it
	remain string    // the beginning of what the header says is left

	mu      sync.Mutex // held from reading the counter to incrementing it
	counter httprate.LimitCounter
}

func newQuota(name string, limit int, window time.Duration) *quota {
	return &quota{
		name: name, limit: limit, window: window, start: time.Now().UTC().Round(0),
		policy:  fmt.Sprintf("%q;q=%d;w=%d", name, limit, int(window.Seconds())),
		remain:  fmt.Sprintf("%q;r=", name),
		counter: httprate.NewLocalLimitCounter(window),
	}
}

// The headers of take, in the form that http.Header has them in: it would convert RateLimit anew each time.
const (
	policyHeader = "Ratelimit-Policy"
	remainHeader = "Ratelimit"
)

// take counts n units for a key, and reports what is left in the headers of draft-ietf-httpapi-ratelimit-headers. It
// returns rate_limited when fewer than n units are left. The window slides: units of the window before this one still
// count in part.
func (q *quota) take(w http.ResponseWriter, key string, n int) error {
	if q == nil {
		return nil
	}
	now := time.Now()
	rest := q.window - now.Sub(q.start)%q.window // until this window ends
	taken, over := q.add(now, key, n)
	if over || !q.quiet || taken > q.limit/2 {
		h := w.Header()
		h[policyHeader] = append(h[policyHeader], q.policy)
		h[remainHeader] = append(h[remainHeader], q.remain+strconv.Itoa(max(0, q.limit-taken))+";t="+Seconds(rest))
	}
	if !over {
		return nil
	}
	return RateLimited(q.name, rest+q.window/time.Duration(q.limit))
}

// add counts n units for a key unless they exceed the limit, and returns how many are taken. With n = 0 it only checks
// whether there is a unit left.
func (q *quota) add(now time.Time, key string, n int) (taken int, over bool) {
	since := now.Sub(q.start)
	window := q.start.Add(since.Truncate(q.window))
	passed := float64(since%q.window) / float64(q.window)
	q.mu.Lock()
	defer q.mu.Unlock()
	current, previous, err := q.counter.Get(key, window, window.Add(-q.window))
	if err != nil {
		return 0, false // a counter in memory returns no error
	}
	taken = int(float64(previous)*(1-passed) + float64(current) + 0.5)
	if taken+max(n, 1) > q.limit {
		return taken, true
	}
	if n > 0 {
		_ = q.counter.IncrementBy(key, window, n)
	}
	return taken + n, false
}

// RateLimited is the error of a request that is over the limit with this name.
func RateLimited(name string, retryAfter time.Duration) error {
	return &models.Error{
		Code: models.CodeRateLimited, RetryAfter: retryAfter, Limit: name,
		Message: fmt.Sprintf("Too many requests; try again in %s seconds.", Seconds(retryAfter)),
	}
}

// Seconds formats d for Retry-After: in whole seconds, and never 0, which would ask for a retry at once.
func Seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
