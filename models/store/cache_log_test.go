package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// twoNodes is two nodes on one PostgreSQL database. Neither has a log consumer, so that each learns of the changes of
// the other from the database alone. One makes the changes, and the other one has cached what they change.
type twoNodes struct {
	*testing.T
	one, other *testStore
	owner, ben models.User
	session    models.Caller // of ben
	room       models.Room
}

// eachOnTwoNodes runs tests on two nodes.
func eachOnTwoNodes(t *testing.T, tests map[string]func(t *twoNodes)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := migrated.Postgres(t)
			n := &twoNodes{T: t, one: openTestStore(t, address), other: openTestStore(t, address)}
			defer n.one.close()
			defer n.other.close()
			n.owner = n.one.user("anna")
			login, _ := n.one.signUp("ben")
			n.ben, n.session = login.User, models.Caller{UserID: login.User.ID, SessionID: login.SessionID}
			n.room = n.one.room("room", models.RoomPrivate, n.owner, n.ben)
			test(n)
		})
	}
}

// request returns the context of a request at the other node, after its session was checked.
func (t *twoNodes) request() context.Context {
	t.Helper()
	ctx := models.WithReadPoint(t.Context())
	t.other.must(t.other.CheckSession(ctx, t.session))
	return ctx
}

// write asks the other node whether ben may write in a room.
func (t *twoNodes) write(room models.Room) (models.UserRef, error) {
	t.Helper()
	_, user, err := t.other.Writer(t.request(), t.ben.ID, pathOf(room))
	return user, err
}

// warm has the other node cache ben's session and membership, and checks that it does.
func (t *twoNodes) warm(room models.Room) {
	t.Helper()
	for range 2 {
		_, err := t.write(room)
		t.other.must(err)
	}
	if !t.other.cache.sessions.Contains(t.session.SessionID) ||
		!t.other.cache.members.Contains(memberKey(room.ID, t.ben.ID)) {
		t.Fatal("the session or the membership is not cached")
	}
}

// TestChangesTakeEffectOnOtherNodes ends and changes at one node what another one has cached.
func TestChangesTakeEffectOnOtherNodes(t *testing.T) {
	t.Parallel()
	direct := func(t *twoNodes) models.Room {
		room, _, err := t.one.Direct(t.Context(), t.owner.ID, models.UserPath{ID: t.ben.ID})
		t.one.must(err)
		t.warm(room)
		return room
	}
	eachOnTwoNodes(t, map[string]func(t *twoNodes){
		"removed, and added again": func(t *twoNodes) {
			t.warm(t.room)
			_, err := t.one.RemoveMember(t.Context(), t.owner.ID, pathOf(t.room), models.UserPath{ID: t.ben.ID})
			t.one.must(err)
			_, err = t.write(t.room)
			t.other.want(err, models.CodeNotFound)
			_, _, err = t.one.PutMember(t.Context(), t.owner.ID, pathOf(t.room), models.UserPath{ID: t.ben.ID},
				models.RoleChange{})
			t.one.must(err)
			_, err = t.write(t.room)
			t.other.must(err)
		},
		"left": func(t *twoNodes) {
			t.warm(t.room)
			_, err := t.one.Leave(t.Context(), t.ben.ID, pathOf(t.room))
			t.one.must(err)
			_, err = t.write(t.room)
			t.other.want(err, models.CodeNotFound)
		},
		"banned": func(t *twoNodes) {
			t.warm(t.room)
			_, _, err := t.one.Ban(t.Context(), t.owner.ID, pathOf(t.room), models.UserPath{ID: t.ben.ID}, models.NewBan{})
			t.one.must(err)
			_, err = t.write(t.room)
			t.other.want(err, models.CodeNotFound)
		},
		"room deleted": func(t *twoNodes) {
			t.warm(t.room)
			_, err := t.one.DeleteRoom(t.Context(), t.owner.ID, pathOf(t.room), models.Condition{})
			t.one.must(err)
			_, err = t.write(t.room)
			t.other.want(err, models.CodeNotFound)
		},
		"history cleared": func(t *twoNodes) {
			t.one.say(t.room.ID, t.owner, "text")
			t.warm(t.room)
			_, err := t.one.ClearHistory(t.Context(), t.owner.ID, pathOf(t.room))
			t.one.must(err)
			query := models.HistoryQuery{Paging: models.Paging{Limit: 10}}
			page, err := t.other.History(t.request(), t.ben.ID, pathOf(t.room), query)
			t.other.must(err)
			if len(page.Items) > 0 {
				t.Errorf("got %d messages that were cleared", len(page.Items))
			}
		},
		"blocked and unblocked": func(t *twoNodes) {
			room := direct(t)
			_, err := t.one.Block(t.Context(), t.owner.ID, models.UserPath{ID: t.ben.ID})
			t.one.must(err)
			_, err = t.write(room)
			t.other.want(err, models.CodeBlocked)
			t.one.must(t.one.Unblock(t.Context(), t.owner.ID, models.UserPath{ID: t.ben.ID}))
			_, err = t.write(room)
			t.other.must(err)
		},
		"who has blocked deletes their account": func(t *twoNodes) {
			room := direct(t)
			_, err := t.one.Block(t.Context(), t.owner.ID, models.UserPath{ID: t.ben.ID})
			t.one.must(err)
			_, err = t.write(room)
			t.other.want(err, models.CodeBlocked)
			t.one.stopJanitor()
			t.other.stopJanitor()
			t.one.must(t.one.deleteIf(t.Context(), t.owner.ID, func(userRow) bool { return true }))
			_, err = t.write(room)
			t.other.want(err, models.CodeBlocked)
			for t.one.rows("blocks") > 0 {
				_, err := t.one.purgeAccount(t.Context(), t.owner.ID)
				t.one.must(err)
			}
			_, err = t.write(room)
			t.other.must(err)
		},
		"renamed": func(t *twoNodes) {
			t.warm(t.room)
			name := "Benjamin"
			change := models.ProfileChange{DisplayName: &name}
			_, err := t.one.ChangeProfile(t.Context(), t.ben.ID, change, models.Condition{})
			t.one.must(err)
			user, err := t.write(t.room)
			t.other.must(err)
			if user.DisplayName != name {
				t.Errorf("the name is still %q", user.DisplayName)
			}
		},
		"described": func(t *twoNodes) {
			t.warm(t.room)
			change := models.ProfileChange{Description: ptrTo("a description")}
			_, err := t.one.ChangeProfile(t.Context(), t.ben.ID, change, models.Condition{})
			t.one.must(err)
			t.request()
			if !t.other.cache.members.Contains(memberKey(t.room.ID, t.ben.ID)) {
				t.Error("the membership was forgotten, though no name has changed")
			}
		},
		"renamed by a version that appends no event": func(t *twoNodes) {
			t.warm(t.room)
			t.execute("UPDATE users SET display_name = 'Benjamin' WHERE username = 'ben'")
			t.other.cache.mu.Lock()
			t.other.cache.membersSince = time.Now().Add(-membersLife)
			t.other.cache.mu.Unlock()
			user, err := t.write(t.room)
			t.other.must(err)
			if user.DisplayName != "Benjamin" {
				t.Errorf("the name is still %q", user.DisplayName)
			}
		},
		"logged out": func(t *twoNodes) {
			t.warm(t.room)
			t.expectLogOut()
		},
		"account deleted": func(t *twoNodes) {
			t.warm(t.room)
			t.one.must(t.one.DeleteAccount(t.Context(), t.ben.ID, models.Condition{}))
			t.other.want(t.other.CheckSession(t.Context(), t.session), models.CodeSessionRevoked)
			_, _, err := t.other.Writer(t.Context(), t.ben.ID, pathOf(t.room))
			t.other.want(err, models.CodeNotFound)
		},
	})
}

// TestCacheFollowsGaps has a node miss the event of a log-out: too many events came before it, or it was pruned.
func TestCacheFollowsGaps(t *testing.T) {
	t.Parallel()
	eachOnTwoNodes(t, map[string]func(t *twoNodes){
		"long": func(t *twoNodes) {
			t.warm(t.room)
			t.execute(`WITH before AS (SELECT position FROM event_head), logged AS (INSERT INTO events
				(position, name, everyone, room_id, user_id, peer_id, session_id, message_id, data, created_at)
				SELECT position + n, 'message.read', false, 0, 0, 0, '', 0, '', 0 FROM before, generate_series(1, 5000) n)
				UPDATE event_head SET position = position + 5000`)
			t.expectLogOut()
		},
		"pruned": func(t *twoNodes) {
			t.warm(t.room)
			t.expectLogOut("DELETE FROM events", "UPDATE event_head SET pruned = position")
		},
		"restored to before": func(t *twoNodes) {
			t.warm(t.room)
			t.expectLogOut("DELETE FROM events", "UPDATE event_head SET position = 1, pruned = 0")
		},
	})
}

// expectLogOut logs ben out at one node, runs statements, and expects that the other node refuses the session.
func (t *twoNodes) expectLogOut(statements ...string) {
	t.Helper()
	_, err := t.one.LogOut(t.Context(), t.ben.ID, t.session.SessionID)
	t.one.must(err)
	t.execute(statements...)
	t.other.want(t.other.CheckSession(t.Context(), t.session), models.CodeSessionRevoked)
}

func (t *twoNodes) execute(statements ...string) {
	t.Helper()
	for _, s := range statements {
		t.one.must(t.one.writer.Exec(s).Error)
	}
}

// TestCacheWithoutLog takes the end of the log away: a node that cannot read it returns nothing from its cache.
func TestCacheWithoutLog(t *testing.T) {
	t.Parallel()
	eachOnTwoNodes(t, map[string]func(t *twoNodes){
		"no head": func(t *twoNodes) {
			t.warm(t.room)
			t.execute("ALTER TABLE event_head RENAME TO taken_away")
			if err := t.other.CheckSession(t.Context(), t.session); err == nil {
				t.Error("a session was found valid without the log")
			}
			if _, _, err := t.other.Writer(t.Context(), t.ben.ID, pathOf(t.room)); err == nil {
				t.Error("a membership was found without the log")
			}
			t.execute("ALTER TABLE taken_away RENAME TO event_head")
			t.warm(t.room)
		},
	})
}

// TestLateReadIsNotCached ends a membership while another node is reading it for its cache.
func TestLateReadIsNotCached(t *testing.T) {
	t.Parallel()
	eachOnTwoNodes(t, map[string]func(t *twoNodes){
		"removed": func(t *twoNodes) {
			key := memberKey(t.room.ID, t.ben.ID)
			head, err := t.other.newReadPoint(t.Context())
			t.other.must(err)
			_, known, since := getCached(t.other.cache, t.other.cache.members, key)
			found, err := t.other.loadMembers(t.Context(), []database.MembershipKey{key})
			t.other.must(err)
			if known || len(found) != 1 {
				t.Fatalf("cached: %t; found %v", known, found)
			}
			_, err = t.one.RemoveMember(t.Context(), t.owner.ID, pathOf(t.room), models.UserPath{ID: t.ben.ID})
			t.one.must(err)
			if next, err := t.other.newReadPoint(t.Context()); err != nil || next <= head {
				t.Fatalf("the log ends at %d, %v; it was %d", next, err, head)
			}
			putCached(t.other.cache, t.other.cache.members, key, found[key], since)
			_, err = t.write(t.room)
			t.other.want(err, models.CodeNotFound)
		},
	})
}

// TestReadPointIsOfTheRequest looks up the end of the log once for a request, and again for what the request has
// written, for one that takes long, and for a session, which is checked again when a stream is open.
func TestReadPointIsOfTheRequest(t *testing.T) {
	t.Parallel()
	eachOnTwoNodes(t, map[string]func(t *twoNodes){
		"positions": func(t *twoNodes) {
			ctx := t.request()
			head := func() int64 {
				t.Helper()
				at, err := t.other.Head(ctx)
				t.other.must(err)
				return at.Position
			}
			before := head()
			t.one.say(t.room.ID, t.owner, "text")
			if at := head(); at != before {
				t.Errorf("the request is answered as of %d, and began as of %d", at, before)
			}
			models.ReadPointOf(ctx).Set(before, time.Now().Add(-time.Second))
			if at := head(); at != before+1 {
				t.Errorf("a request that takes long is answered as of %d, want %d", at, before+1)
			}
			_, err := t.other.Leave(ctx, t.ben.ID, pathOf(t.room))
			t.other.must(err)
			if at := head(); at != before+2 {
				t.Errorf("after its own change, the request is answered as of %d, want %d", at, before+2)
			}
			t.other.must(t.other.CheckSession(ctx, t.session))
			_, err = t.one.LogOut(t.Context(), t.ben.ID, t.session.SessionID)
			t.one.must(err)
			t.other.want(t.other.CheckSession(ctx, t.session), models.CodeSessionRevoked)
		},
	})
}

// TestReadPointOfSeveralGoroutines reads and writes with one request's context in several goroutines, as an upload does
// that renews its hold while it is received.
func TestReadPointOfSeveralGoroutines(t *testing.T) {
	t.Parallel()
	eachOnTwoNodes(t, map[string]func(t *twoNodes){
		"reads and writes": func(t *twoNodes) {
			ctx := t.request()
			var done sync.WaitGroup
			for range 4 {
				done.Go(func() {
					_, err := t.other.Head(ctx)
					if err == nil {
						_, err = t.other.write(ctx, func(*transaction) error { return nil })
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			done.Wait()
		},
	})
}
