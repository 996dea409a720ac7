package handlers

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/httprate"

	"github.com/parley-chat/parley/models"
)

// quotas bound how often anything is asked for, at figures that a person never meets. Each server counts for itself.
type quotas struct {
	requests  *quota // of a user, or of an address where there is no token
	passwords *quota // tries at one account from one address
}

// newQuotas are the quotas of the contract, or none.
func newQuotas(on bool) quotas {
	if !on {
		return quotas{}
	}
	return quotas{
		requests:  newQuota("requests", models.MaxRequestsPerMinute),
		passwords: newQuota("passwords", models.MaxPasswordsPerMinute),
	}
}

// count takes a request off its caller's quota, or refuses it. Probes are not counted.
func (q quotas) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			who := networkOf(r)
			if id := callerOf(r).UserID; id != 0 {
				who = strconv.FormatInt(id, 10)
			}
			if err := q.requests.take(w, r, who); err != nil {
				fail(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// tryPassword takes a try at the user's password off the quota, or refuses it: guessing goes no faster than that. The
// address belongs to it, lest anybody could lock a user out from elsewhere.
func (q quotas) tryPassword(w http.ResponseWriter, r *http.Request, user string) error {
	return q.passwords.take(w, r, networkOf(r)+" "+user)
}

// networkOf is where a request comes from: of an IPv6 address its /64, of which one customer has all addresses. Behind a
// proxy it is the proxy: what it forwards of its clients' addresses can be made up where there is none.
func networkOf(r *http.Request) string { return httprate.CanonicalizeIP(addressOf(r)) }

// quota is so many per minute for each of those who are counted; a nil one has no end.
type quota struct {
	name    string
	most    int
	start   time.Time // windows begin at whole minutes from here
	limiter *httprate.RateLimiter
}

func newQuota(name string, most int) *quota {
	return &quota{
		name: name, most: most, start: time.Now(),
		limiter: httprate.NewRateLimiter(most, time.Minute, httprate.WithResponseHeaders(httprate.ResponseHeaders{})),
	}
}

// take takes one off what is left for who, and tells of it in the headers of the draft (draft-ietf-httpapi-ratelimit-headers).
// When nothing is left it is rate_limited. The window slides: what was taken in the last minute but one counts on in part.
func (q *quota) take(w http.ResponseWriter, r *http.Request, who string) error {
	if q == nil {
		return nil
	}
	over := q.limiter.OnLimit(w, r, who)
	_, taken, err := q.limiter.Status(who)
	if err != nil {
		return err
	}
	left := max(0, q.most-int(taken+0.5))
	whole := time.Minute - time.Since(q.start)%time.Minute
	h := w.Header()
	h.Add("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", q.name, q.most, int(time.Minute.Seconds())))
	h.Add("RateLimit", fmt.Sprintf("%q;r=%d;t=%s", q.name, left, seconds(whole)))
	if !over {
		return nil
	}
	again := whole + time.Minute/time.Duration(q.most)
	return &models.Error{
		Code: models.CodeRateLimited, RetryAfter: again,
		Message: fmt.Sprintf("Too many requests; try again in %s seconds.", seconds(again)),
	}
}
