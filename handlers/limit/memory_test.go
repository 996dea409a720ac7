package limit

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// requestFrom is a request of a user, 0 for none, from an address.
func requestFrom(ctx context.Context, method, address string, userID int64) *http.Request {
	return request.With(httptest.NewRequestWithContext(ctx, method, "/", http.NoBody), &request.Context{
		Client: request.Client{IP: netip.MustParseAddr(address)}, Caller: models.Caller{UserID: userID},
	})
}

// TestUnreadResponsesAreReleased takes and releases responses: in the end nothing is counted. A caller without a user
// is counted once, by its network.
func TestUnreadResponsesAreReleased(t *testing.T) {
	u := &unreadResponses{waiting: map[string]int{}}
	var releases []func()
	take := func(method, address string, userID int64, size int) error {
		release, err := u.take(requestFrom(t.Context(), method, address, userID), size)
		if err == nil {
			releases = append(releases, release)
		}
		return err
	}
	for _, c := range []struct {
		name    string
		method  string
		address string
		user    int64
		size    int
		code    models.Code // "" for none
	}{
		{"a first response, larger than the limit", http.MethodGet, "192.0.2.1", 1, 2 * unreadOfCaller, ""},
		{"another one", http.MethodGet, "192.0.2.1", 1, smallResponse + 1, models.CodeRateLimited},
		{"another one, of HEAD", http.MethodHead, "192.0.2.1", 1, smallResponse + 1, models.CodeRateLimited},
		{"a small one", http.MethodGet, "192.0.2.1", 1, smallResponse, ""},
		{"the response of a change", http.MethodPost, "192.0.2.1", 1, smallResponse + 1, ""},
		{"another user in the network", http.MethodGet, "192.0.2.1", 2, unreadOfCaller, ""},
		{"more than the network's share", http.MethodGet, "192.0.2.1", 3, unreadOfNetwork, models.CodeUnavailable},
		{"a network without a user", http.MethodGet, "192.0.2.2", 0, unreadOfCaller, ""},
		{"another response of it", http.MethodGet, "192.0.2.2", 0, smallResponse + 1, models.CodeRateLimited},
		{"more than there is for all", http.MethodGet, "192.0.2.3", 4, unreadOfAll, models.CodeUnavailable},
	} {
		if err := take(c.method, c.address, c.user, c.size); codeOf(err) != c.code {
			t.Errorf("%s: %v, wanted the code %q", c.name, err, c.code)
		}
	}
	for _, release := range releases {
		release()
	}
	if u.all != 0 || len(u.waiting) != 0 {
		t.Errorf("%d bytes are counted in the end: %v", u.all, u.waiting)
	}
}

// TestBodyBudgetIsReleased takes a budget: a network has its share of it, and gives it back when its requests end.
func TestBodyBudgetIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100, 50)
		ctx, end := context.WithCancel(t.Context())
		for _, c := range []struct {
			address string
			bytes   int64
			code    models.Code
		}{
			{"192.0.2.1", 50, ""}, {"192.0.2.1", 1, models.CodeUnavailable}, {"192.0.2.2", 49, ""},
			{"192.0.2.3", 2, models.CodeUnavailable}, {"192.0.2.3", 1, ""},
		} {
			if err := b.take(requestFrom(ctx, http.MethodPost, c.address, 0), c.bytes); codeOf(err) != c.code {
				t.Errorf("%d bytes for %s: %v, wanted the code %q", c.bytes, c.address, err, c.code)
			}
		}
		end()
		synctest.Wait()
		if len(b.taken) != 0 || !b.free.TryAcquire(100) {
			t.Errorf("after the requests %v is taken", b.taken)
		}
	})
}
