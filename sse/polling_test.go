package sse

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestPages reads the log in small pages: all that the caller may see, each event once, and nothing of other rooms.
func TestPages(t *testing.T) {
	r := newRig(t, Limits{})
	ada, bob := r.signUp("ada"), r.signUp("bob")
	room, start := r.room(ada, bob)
	private, _ := r.room(bob)
	for range 5 {
		r.send(ada, room, "for both")
		r.send(bob, private, "for bob")
	}
	caller := models.Caller{UserID: ada.User.ID}
	for _, limit := range []int{1, 2, 100} {
		messages, after := 0, start.String()
		for {
			page, err := r.hub.Page(t.Context(), caller, after, limit)
			r.must(err)
			if len(page.Items) > limit {
				t.Fatalf("a page has %d events, want at most %d", len(page.Items), limit)
			}
			for _, e := range page.Items {
				if strings.Contains(string(e.Data), "for bob") {
					t.Errorf("the caller sees %s", e.Data)
				}
				if e.Name == models.EventMessageCreated {
					messages++
				}
			}
			if after = page.Cursor; page.NextCursor == "" {
				break
			}
		}
		if messages != 5 {
			t.Errorf("with pages of %d there are %d messages, want 5", limit, messages)
		}
	}
}

// TestPagesOfAMember checks that a member sees what happens in a room from joining to leaving it, and nothing else.
func TestPagesOfAMember(t *testing.T) {
	r := newRig(t, Limits{})
	ada, bob := r.signUp("ada"), r.signUp("bob")
	room, start := r.room(ada)
	path := models.RoomPath{ID: room}
	r.send(ada, room, "before")
	_, _, err := r.store.Join(t.Context(), bob.User.ID, path)
	r.must(err)
	r.send(ada, room, "as a member")
	_, err = r.store.Leave(t.Context(), bob.User.ID, path)
	r.must(err)
	r.send(ada, room, "after")
	page, err := r.hub.Page(t.Context(), models.Caller{UserID: bob.User.ID}, start.String(), 100)
	r.must(err)
	var seen []string
	for _, e := range page.Items {
		if strings.Contains(string(e.Data), `"text":`) {
			seen = append(seen, string(e.Data))
		}
	}
	if len(seen) != 1 || !strings.Contains(seen[0], "as a member") {
		t.Errorf("the member sees %q", seen)
	}
}

// TestCursorsOfPages checks the cursors that are accepted and refused.
func TestCursorsOfPages(t *testing.T) {
	r := newRig(t, Limits{})
	ada := r.signUp("ada")
	room, start := r.room(ada)
	head := r.send(ada, room, "pruned")
	caller := models.Caller{UserID: ada.User.ID}
	all, err := r.hub.Page(t.Context(), caller, "", 100)
	r.must(err)
	same, err := r.hub.Page(t.Context(), caller, "0", 100)
	r.must(err)
	if len(all.Items) == 0 || len(all.Items) != len(same.Items) {
		t.Errorf("from the beginning there are %d and %d events", len(all.Items), len(same.Items))
	}
	r.prune(head)
	for _, cursor := range []string{
		start.String(), "0x", models.Cursor{Epoch: "other", Position: 1}.String(),
		models.Cursor{Epoch: head.Epoch, Position: head.Position + 1}.String(),
	} {
		_, err := r.hub.Page(t.Context(), caller, cursor, 100)
		requireCode(t, err, models.CodeExpired)
	}
	none, err := r.hub.Page(t.Context(), caller, "", 100)
	r.must(err)
	if len(none.Items) != 0 || none.NextCursor != "" || none.Cursor != head.String() {
		t.Errorf("after the log was pruned, there are %d events up to %s", len(none.Items), none.Cursor)
	}
}
