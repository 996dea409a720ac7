package store

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestGuestsWhoComeBackStay has an idle guest send a request after the janitor has found them idle, and before it
// deletes them: either the guest stays, or the request is refused.
func TestGuestsWhoComeBackStay(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		s := openTestStore(t, name)
		defer s.close()
		s.stopJanitor()
		back, gone := idleGuest(s, "back"), idleGuest(s, "gone")
		s.Online(func(id int64) bool {
			if id == back.UserID {
				s.must(s.CheckSession(t.Context(), back))
			}
			return false
		})
		_, err := s.expireIdleGuests(t.Context())
		s.must(err)
		s.must(s.CheckSession(t.Context(), back))
		_, err = s.User(t.Context(), models.UserPath{ID: back.UserID})
		s.must(err)
		s.want(s.CheckSession(t.Context(), gone), models.CodeSessionRevoked)
	})
}

// TestGuestsWhoComeBackToAnotherNodeStay is the same where the request has just come to another node than that of the
// janitor, and the other node has cached the session.
func TestGuestsWhoComeBackToAnotherNodeStay(t *testing.T) {
	t.Parallel()
	eachOnTwoNodes(t, map[string]func(t *twoNodes){
		"back": func(t *twoNodes) {
			t.one.stopJanitor()
			t.other.stopJanitor()
			back := idleGuest(t.one, "back")
			t.one.Online(func(int64) bool { return false })
			t.other.must(t.other.CheckSession(t.Context(), back))
			_, err := t.one.expireIdleGuests(t.Context())
			t.one.must(err)
			t.other.must(t.other.CheckSession(t.Context(), back))
		},
		"deleted while they come back": func(t *twoNodes) {
			t.one.stopJanitor()
			t.other.stopJanitor()
			back := idleGuest(t.one, "back")
			_, _, err := t.other.session(t.Context(), back.SessionID, models.Now())
			t.other.must(err)
			t.one.Online(func(int64) bool { return false })
			_, err = t.one.expireIdleGuests(t.Context())
			t.one.must(err)
			t.other.want(t.other.returnTo(t.Context(), back.SessionID), models.CodeSessionRevoked)
		},
	})
}

// idleGuest creates a guest who came and did nothing seven hours ago.
func idleGuest(s *testStore, name string) models.Caller {
	s.t.Helper()
	login, err := s.SignUp(s.t.Context(), models.NewAccount{Username: name, Guest: true}, newSession(), nil)
	s.must(err)
	const past = 7 * 3600_000
	s.must(s.writer.Exec("UPDATE users SET created_at = created_at - ?, last_seen_at = 0 WHERE id = ?", past,
		login.User.ID).Error)
	s.must(s.writer.Exec("UPDATE sessions SET last_used_at = last_used_at - ? WHERE id = ?", past, login.SessionID).Error)
	return models.Caller{UserID: login.User.ID, SessionID: login.SessionID}
}
