package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestMessageRules sends, replies, edits and deletes as members, moderators and others.
func TestMessageRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		owner, anna, ben, other := h.user("owner"), h.user("anna"), h.user("ben"), h.user("other")
		room := h.room("talk", models.RoomPublic, owner, anna, ben)
		send := func(user models.User, n models.NewMessage) (models.Message, error) {
			sent, _, err := h.Send(ctx, user.ID, pathOf(room), n, nil)
			return sent.Message, err
		}
		edit := func(user models.User, id int64, text string) error {
			_, _, err := h.EditMessage(ctx, user.ID, pathOf(room), id, models.MessageEdit{Text: text}, models.Condition{})
			return err
		}
		_, err := send(other, models.NewMessage{Text: "hi"})
		h.want(err, models.CodeForbidden)
		first, err := send(anna, models.NewMessage{Text: "first"})
		h.must(err)
		reply, err := send(ben, models.NewMessage{Text: "reply", ReplyTo: &first.ID})
		h.must(err)
		if reply.ID != first.ID+1 || reply.ReplyTo != first.ID || reply.CreatedAt.Before(first.CreatedAt.Time) {
			t.Errorf("%+v follows %+v", reply, first)
		}
		future := reply.ID + 1
		_, err = send(ben, models.NewMessage{Text: "to nothing", ReplyTo: &future})
		h.want(err, models.CodeInvalidRequest)

		h.want(edit(ben, first.ID, "not mine"), models.CodeForbidden)
		h.want(edit(anna, first.ID, ""), models.CodeInvalidRequest)
		h.must(edit(anna, first.ID, "edited"))
		got, err := h.Message(ctx, ben.ID, pathOf(room), first.ID)
		h.must(err)
		if got.Text != "edited" || got.EditedAt.IsZero() {
			t.Errorf("the edited message is %+v", got)
		}

		_, err = h.DeleteMessage(ctx, ben.ID, pathOf(room), first.ID, models.Condition{})
		h.want(err, models.CodeForbidden)
		_, err = h.DeleteMessage(ctx, owner.ID, pathOf(room), first.ID, models.Condition{})
		h.must(err)
		got, err = h.Message(ctx, ben.ID, pathOf(room), first.ID)
		h.must(err)
		if got.Text != "" || got.DeletedAt.IsZero() {
			t.Errorf("the tombstone is %+v", got)
		}
		h.want(edit(anna, first.ID, "back"), models.CodeNotFound)
		at, err := h.DeleteMessage(ctx, owner.ID, pathOf(room), first.ID, models.Condition{})
		h.must(err)
		if !at.IsZero() {
			t.Error("an event for a second deletion")
		}

		_, err = h.ClearHistory(ctx, anna.ID, pathOf(room))
		h.want(err, models.CodeForbidden)
		_, err = h.ClearHistory(ctx, owner.ID, pathOf(room))
		h.must(err)
		_, err = h.Message(ctx, ben.ID, pathOf(room), reply.ID)
		h.want(err, models.CodeNotFound)
		after, err := send(anna, models.NewMessage{Text: "after"})
		h.must(err)
		if after.ID != reply.ID+1 {
			t.Errorf("after the clearing ids go on with %d", after.ID)
		}
	})
}

// TestIdempotencyKeys repeats sends and other calls with a key, one after the other and at once.
func TestIdempotencyKeys(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna := h.user("anna")
		room := h.room("talk", models.RoomPublic, anna)
		call := func(key, fingerprint string) *models.IdempotentCall {
			return &models.IdempotentCall{
				CallerID: anna.ID, Path: "/messages", Key: key, Fingerprint: fingerprint, Encode: json.Marshal,
			}
		}
		const calls = 8
		var created, replayed sync.Map
		var wait sync.WaitGroup
		for i := range calls {
			wait.Go(func() {
				sent, _, err := h.Send(ctx, anna.ID, pathOf(room), models.NewMessage{Text: "once"}, call("k", "body"))
				var again *models.Replayed
				switch {
				case err == nil:
					created.Store(i, sent.Message.ID)
				case errors.As(err, &again):
					replayed.Store(i, string(again.Body))
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		count := func(m *sync.Map) (n int) {
			m.Range(func(any, any) bool { n++; return true })
			return n
		}
		if count(&created) != 1 || count(&replayed) != calls-1 || h.rows("messages") != 1 {
			t.Errorf("%d calls created, %d got the response of the first, and %d messages are stored",
				count(&created), count(&replayed), h.rows("messages"))
		}
		replayed.Range(func(_, body any) bool {
			if !strings.Contains(body.(string), `"text":"once"`) {
				t.Errorf("the response is %s", body)
			}
			return true
		})
		_, _, err := h.Send(ctx, anna.ID, pathOf(room), models.NewMessage{Text: "other"}, call("k", "other body"))
		h.want(err, models.CodeIdempotencyMismatch)

		// A call that was refused releases its key.
		future := int64(99)
		_, _, err = h.Send(ctx, anna.ID, pathOf(room), models.NewMessage{Text: "x", ReplyTo: &future}, call("r", "bad"))
		h.want(err, models.CodeInvalidRequest)
		_, _, err = h.Send(ctx, anna.ID, pathOf(room), models.NewMessage{Text: "x"}, call("r", "good"))
		h.must(err)
	})
}

// TestReactionRules adds and removes reactions, and limits those of one user.
func TestReactionRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna, ben, other := h.user("anna"), h.user("ben"), h.user("other")
		room := h.room("talk", models.RoomPublic, anna, ben)
		id := h.say(room.ID, anna, "tea?")
		react := func(user models.User, emoji string) (models.Message, models.Cursor, error) {
			return h.React(ctx, user.ID, pathOf(room), id, emoji)
		}
		_, _, err := react(other, "👍")
		h.want(err, models.CodeForbidden)
		_, _, err = react(anna, "👍")
		h.must(err)
		m, at, err := react(ben, "👍")
		h.must(err)
		if at.IsZero() || len(m.Reactions) != 1 || m.Reactions[0].Count != 2 || !*m.Reactions[0].Me {
			t.Errorf("two reactions are %+v", m.Reactions)
		}
		if _, at, err = react(ben, "👍"); err != nil || !at.IsZero() {
			t.Errorf("the same reaction again: %v, %v", at, err)
		}
		for i := range models.MaxReactionsPerUser {
			_, _, err = react(ben, string(rune(0x1F600+i)))
		}
		h.want(err, models.CodeInvalidRequest) // one more than the limit
		_, err = h.Unreact(ctx, ben.ID, pathOf(room), id, "👍")
		h.must(err)
		got, err := h.Message(ctx, ben.ID, pathOf(room), id)
		h.must(err)
		if got.Reactions[0].Count != 1 || *got.Reactions[0].Me {
			t.Errorf("after one was removed they are %+v", got.Reactions[0])
		}
		_, err = h.DeleteMessage(ctx, anna.ID, pathOf(room), id, models.Condition{})
		h.must(err)
		_, _, err = react(ben, "👍")
		h.want(err, models.CodeNotFound)
		if n := h.rows("reaction_counts"); n != 0 {
			t.Errorf("%d counts are left of a deleted message", n)
		}
	})
}

// TestPinRules pins and unpins as members and moderators.
func TestPinRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		owner, member := h.user("owner"), h.user("member")
		room := h.room("talk", models.RoomPublic, owner, member)
		first, second := h.say(room.ID, member, "first"), h.say(room.ID, member, "second")
		_, _, err := h.Pin(ctx, member.ID, pathOf(room), first)
		h.want(err, models.CodeForbidden)
		for _, id := range []int64{first, second} {
			pin, at, err := h.Pin(ctx, owner.ID, pathOf(room), id)
			h.must(err)
			if pin.Message.ID != id || pin.PinnedBy.ID != owner.ID || at.IsZero() {
				t.Errorf("the pin is %+v, at %v", pin, at)
			}
		}
		if _, at, err := h.Pin(ctx, owner.ID, pathOf(room), first); err != nil || !at.IsZero() {
			t.Errorf("the same pin again: %v, %v", at, err)
		}
		pins := func() (ids []int64) {
			t.Helper()
			page, err := h.Pins(ctx, member.ID, pathOf(room), models.Paging{Limit: 10})
			h.must(err)
			for _, p := range page.Items {
				ids = append(ids, p.Message.ID)
			}
			return ids
		}
		if got := fmt.Sprint(pins()); got != fmt.Sprint([]int64{second, first}) {
			t.Errorf("the pins are %s", got)
		}
		_, err = h.Unpin(ctx, member.ID, pathOf(room), first)
		h.want(err, models.CodeForbidden)
		_, err = h.Unpin(ctx, owner.ID, pathOf(room), first)
		h.must(err)
		_, err = h.DeleteMessage(ctx, member.ID, pathOf(room), second, models.Condition{}) // takes its pin along
		h.must(err)
		if got := pins(); len(got) != 0 {
			t.Errorf("%v are pinned still", got)
		}
		_, _, err = h.Pin(ctx, owner.ID, pathOf(room), second)
		h.want(err, models.CodeNotFound)
	})
}

// TestReadMarks counts what is unread, and moves the mark forward only.
func TestReadMarks(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna, ben := h.user("anna"), h.user("ben")
		room := h.room("talk", models.RoomPublic, anna, ben)
		var ids []int64
		for i := range 5 {
			ids = append(ids, h.say(room.ID, anna, fmt.Sprint(i)))
		}
		h.say(room.ID, ben, "mine")
		unread := func() int64 {
			t.Helper()
			got, err := h.Room(ctx, ben.ID, pathOf(room))
			h.must(err)
			return got.Membership.UnreadCount
		}
		mark := func(id int64) (models.Cursor, error) {
			_, at, err := h.MarkRead(ctx, ben.ID, pathOf(room), models.ReadMark{MessageID: id})
			return at, err
		}
		if got := unread(); got != 5 {
			t.Errorf("%d are unread", got)
		}
		at, err := mark(ids[2])
		h.must(err)
		if at.IsZero() || unread() != 2 {
			t.Errorf("after the third %d are unread", unread())
		}
		at, err = mark(ids[0])
		h.must(err)
		if !at.IsZero() || unread() != 2 {
			t.Errorf("after a mark that is older: %d are unread", unread())
		}
		_, err = mark(ids[4] + 10)
		h.want(err, models.CodeInvalidRequest)
		_, err = h.DeleteMessage(ctx, anna.ID, pathOf(room), ids[4], models.Condition{})
		h.must(err)
		if unread() != 1 {
			t.Errorf("with one deleted %d are unread", unread())
		}
	})
}
