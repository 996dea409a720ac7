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

// TestRefreshGracePeriod refreshes at the store with given times. Within 30 s a spent refresh token returns its
// successor again. Later, or when the successor was used, a spent token ends the session.
func TestRefreshGracePeriod(t *testing.T) {
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
		const expired = models.RefreshTokenLife + time.Hour
		for name, steps := range map[string][]refreshStep{
			"within the grace period": {
				{spent: 0, next: 1},
				{spent: 0, next: 2, after: 29999 * time.Millisecond, want: 1},
			},
			"repeatedly within the grace period": {
				{spent: 0, next: 1}, {spent: 0, next: 2, want: 1},
				{spent: 0, next: 3, after: 29 * time.Second, want: 1},
			},
			"too late": {
				{spent: 0, next: 1},
				{spent: 0, next: 2, after: 30 * time.Second, code: models.CodeSessionRevoked},
			},
			"the successor after a late reuse": {
				{spent: 0, next: 1},
				{spent: 0, next: 2, after: time.Minute, code: models.CodeSessionRevoked},
				{spent: 1, next: 3, code: models.CodeSessionRevoked},
			},
			"reuse after the successor was used": {
				{spent: 0, next: 1}, {spent: 1, next: 2},
				{spent: 0, next: 3, code: models.CodeSessionRevoked},
			},
			"reuse of the successor": {
				{spent: 0, next: 1}, {spent: 1, next: 2}, {spent: 1, next: 3, want: 2},
				{spent: 2, next: 4},
			},
			"the session is expired": {
				{spent: 0, next: 1},
				{spent: 0, next: 2, after: expired, code: models.CodeTokenExpired},
			},
		} {
			t.Run(name, func(t *testing.T) { runRefreshSteps(t, s, steps) })
		}
	})
}

// refreshStep exchanges token number spent for token number next. The store returns next, or want if it is not 0.
type refreshStep struct {
	spent, next, want int
	after             time.Duration // since the first step
	code              models.Code
}

func runRefreshSteps(t *testing.T, s *store.Store, steps []refreshStep) {
	t.Helper()
	hash := func(n int) string { return fmt.Sprint(t.Name(), " token ", n) }
	sealed := func(n int) string { return fmt.Sprint("sealed ", n) }
	login, err := s.SignUp(t.Context(), models.NewAccount{Username: harness.UniqueName("ada"), Guest: true},
		models.NewSession{RefreshHash: hash(0)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	start := models.Now()
	for _, tr := range steps {
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

// TestRefreshOnTwoNodes sends the same refresh token to two servers concurrently, many times. All responses have the
// same successor, which is valid on both servers.
func TestRefreshOnTwoNodes(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	nodes := []*harness.Client{harness.NewClient(t, harness.StartServer(t, database).URL),
		harness.NewClient(t, harness.StartServer(t, database).URL)}
	me := nodes[0].NewGuestNamed("ada")
	for range 5 {
		next := make([]models.Session, 20)
		var all sync.WaitGroup
		for i := range next {
			all.Go(func() {
				nodes[i%2].Send("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectStatus(200).
					Decode(&next[i])
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
