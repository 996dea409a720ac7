package sse

import (
	"database/sql"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// addOffline makes users go offline, in one batch.
func (r *rig) addOffline(users ...models.Login) {
	r.hub.withLock(func() {
		for _, l := range users {
			r.hub.addStatus(status{userID: l.User.ID, own: true, at: models.Now()})
		}
	})
}

// TestStatusOfDeletedUser checks that a deleted user among those who go offline does not stop the others.
func TestStatusOfDeletedUser(t *testing.T) {
	r := newRig(t, Limits{PresenceRoom: 500})
	ada, bob, gone := r.signUp("ada"), r.signUp("bob"), r.signUp("gone")
	room, _ := r.room(ada, bob, gone)
	p := r.open(ada, room, "")
	defer func() { _ = p.Close() }()
	r.must(r.store.DeleteAccount(t.Context(), gone.User.ID, models.Condition{}))
	r.addOffline(gone, bob)
	if !p.skipTo("event: user.offline") {
		t.Error("user.offline of bob did not come")
	}
}

// TestStatusWaitsForTheDatabase renames a table that is queried to publish a status, and renames it back. All
// statuses are published and stored.
func TestStatusWaitsForTheDatabase(t *testing.T) {
	r := newRig(t, Limits{PresenceRoom: 500})
	ada, bob, eve := r.signUp("ada"), r.signUp("bob"), r.signUp("eve")
	room, _ := r.room(ada, bob, eve)
	p := r.open(ada, room, "")
	defer func() { _ = p.Close() }()
	db, err := sql.Open("sqlite", r.database+"?_pragma=busy_timeout(10000)")
	r.must(err)
	defer func() { r.must(db.Close()) }()
	_, err = db.ExecContext(t.Context(), "ALTER TABLE contacts RENAME TO contacts_away")
	r.must(err)
	r.addOffline(bob, eve)
	for range 2 {
		<-r.warned
	}
	_, err = db.ExecContext(t.Context(), "ALTER TABLE contacts_away RENAME TO contacts")
	r.must(err)
	for range 2 {
		if !p.skipTo("event: user.offline") {
			t.Fatal("user.offline did not come for both")
		}
	}
	for _, l := range []models.Login{bob, eve} {
		user, err := r.store.User(t.Context(), models.UserPath{ID: l.User.ID})
		r.must(err)
		if user.LastSeenAt.IsZero() {
			t.Errorf("the last-seen time of %s was not stored", l.User.Username)
		}
	}
}

// TestLastSeenIsTheEndOfTheLastStream ends the last stream of a user: when that was is stored, and not only when the
// stream opened. When the server stops, it is stored before Close returns.
func TestLastSeenIsTheEndOfTheLastStream(t *testing.T) {
	for name, stops := range map[string]bool{"the peer closes": false, "the server stops": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Limits{})
			ada := r.signUp("ada")
			p := r.watch(ada, 0, "")
			neverSeen := func() string {
				user, err := r.store.User(t.Context(), models.UserPath{ID: ada.User.ID})
				r.must(err)
				if user.LastSeenAt.IsZero() {
					return "it is not stored when the user was last seen"
				}
				return ""
			}
			eventually(t, neverSeen) // when the stream opened
			r.must(r.store.SaveLastSeen(t.Context(), map[int64]models.Time{ada.User.ID: {}}))
			if stops {
				r.close(testTimeout)
				if wrong := neverSeen(); wrong != "" {
					t.Error(wrong)
				}
				return
			}
			reset(p)
			eventually(t, func() string {
				if streams, _ := r.hub.Count(); streams != 0 {
					return "the stream is still open"
				}
				return ""
			})
			r.hub.CheckStreams(time.Now().Add(2 * offlineDelay))
			eventually(t, neverSeen)
		})
	}
}

// TestLatestPerUser keeps the last status of each user, up to the limit.
func TestLatestPerUser(t *testing.T) {
	all := []status{{userID: 1, online: true}, {userID: 2}, {userID: 1}, {userID: 3}, {userID: 2, online: true}}
	got := latestPerUser(all, 2)
	if len(got) != 2 || got[0] != (status{userID: 3}) || got[1] != (status{userID: 2, online: true}) {
		t.Errorf("kept are %+v", got)
	}
}
