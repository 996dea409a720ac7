package login

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
	"github.com/parley-chat/parley/test/harness"
)

// TestRefreshInTime trades refresh tokens at the store, by a clock that stands where it is put: within 30 s the spent
// one is answered its successor, and afterwards, or once the successor was traded, it ends the session.
func TestRefreshInTime(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s, err := store.Open(t.Context(), store.Config{
			Database: database, Retention: time.Hour, Committed: func([]models.LogEntry) {}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		const over = models.RefreshTokenLife + time.Hour
		for name, play := range map[string][]trade{
			"in time":                    {{spent: 0, next: 1}, {spent: 0, next: 2, after: 29999 * time.Millisecond, want: 1}},
			"many times":                 {{spent: 0, next: 1}, {spent: 0, next: 2, want: 1}, {spent: 0, next: 3, after: 29 * time.Second, want: 1}},
			"too late":                   {{spent: 0, next: 1}, {spent: 0, next: 2, after: 30 * time.Second, code: models.CodeSessionRevoked}},
			"the successor after that":   {{spent: 0, next: 1}, {spent: 0, next: 2, after: time.Minute, code: models.CodeSessionRevoked}, {spent: 1, next: 3, code: models.CodeSessionRevoked}},
			"the successor was traded":   {{spent: 0, next: 1}, {spent: 1, next: 2}, {spent: 0, next: 3, code: models.CodeSessionRevoked}},
			"the successor's own answer": {{spent: 0, next: 1}, {spent: 1, next: 2}, {spent: 1, next: 3, want: 2}, {spent: 2, next: 4}},
			"the session has run out":    {{spent: 0, next: 1}, {spent: 0, next: 2, after: over, code: models.CodeTokenExpired}},
		} {
			t.Run(name, func(t *testing.T) { playTrades(t, s, play) })
		}
	})
}

// trade trades the token with the number spent for the one with the number next. Answered is next, or want.
type trade struct {
	spent, next, want int
	after             time.Duration // after the first trade
	code              models.Code
}

func playTrades(t *testing.T, s *store.Store, trades []trade) {
	t.Helper()
	hash := func(n int) string { return fmt.Sprint(t.Name(), " token ", n) }
	sealed := func(n int) string { return fmt.Sprint("sealed ", n) }
	login, err := s.SignUp(t.Context(), models.NewAccount{Username: harness.UniqueName("ada"), Guest: true}, models.NewSession{RefreshHash: hash(0)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	start := models.Now()
	for _, tr := range trades {
		got, kept, err := s.Refresh(t.Context(), models.Renewal{
			SpentHash: hash(tr.spent), RefreshHash: hash(tr.next), Sealed: sealed(tr.next), At: models.At(start.Add(tr.after)),
		})
		if tr.code != "" {
			if !errors.Is(err, &models.Error{Code: tr.code}) {
				t.Errorf("%+v: got %v", tr, err)
			}
			continue
		}
		want := tr.next
		if tr.want != 0 {
			want = tr.want
		}
		if err != nil || kept != sealed(want) || got.SessionID != login.SessionID || got.User.ID != login.User.ID {
			t.Errorf("%+v: got %q of %+v, %v", tr, kept, got, err)
		}
	}
}

// TestRefreshAtTwoNodes has one refresh token come to two servers at once, many times: all answer the same successor,
// which is good at both.
func TestRefreshAtTwoNodes(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	nodes := []*harness.Client{harness.NewClient(t, harness.StartServer(t, database).URL), harness.NewClient(t, harness.StartServer(t, database).URL)}
	me := nodes[0].NewGuestNamed("ada")
	for range 5 {
		next := make([]models.Session, 20)
		var all sync.WaitGroup
		for i := range next {
			all.Go(func() {
				nodes[i%2].Send("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectStatus(200).Decode(&next[i])
			})
		}
		all.Wait()
		for _, s := range next {
			if s.RefreshToken != next[0].RefreshToken || s.SessionID != me.SessionID {
				t.Errorf("got %+v and %+v", next[0], s)
			}
		}
		me.Session = next[0]
	}
	nodes[1].WithToken(me.AccessToken).Call("GET", "/v1/users/me", nil).ExpectStatus(200)
}
