package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// reactionPath returns the path of the caller's reaction to a message.
func reactionPath(m models.Message, emoji string) string {
	return harness.MessagePath(m) + "/reactions/" + url.PathEscape(emoji)
}

// TestReactions lets two members add and remove reactions. Each sees which are their own, events show only the counts,
// an edit keeps the reactions, and a deletion removes them.
func TestReactions(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		other := owner.NewGuestNamed("other")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		other.JoinRoom(room.ID)
		m := owner.SendText(room.ID, "hello")
		seen := other.OpenStream("")

		const thumb, family = "👍", "👨‍👩‍👧‍👦"
		owner.Call("PUT", reactionPath(m, thumb), nil).ExpectStatus(200)
		first := owner.Call("PUT", reactionPath(m, family), nil).ExpectStatus(200)
		second := other.Call("PUT", reactionPath(m, thumb), nil).ExpectStatus(200)
		if again := other.Call("PUT", reactionPath(m, thumb), nil).ExpectStatus(200); again.Header("Event-Id") != "" {
			t.Errorf("%v: reacting again caused an event", again)
		}
		wantReactions(t, first, models.Reaction{Emoji: thumb, Count: 1, Me: harness.Ptr(true)},
			models.Reaction{Emoji: family, Count: 1, Me: harness.Ptr(true)})
		wantReactions(t, second, models.Reaction{Emoji: thumb, Count: 2, Me: harness.Ptr(true)},
			models.Reaction{Emoji: family, Count: 1, Me: harness.Ptr(false)})

		for _, want := range []models.ReactionEvent{
			{RoomID: room.ID, MessageID: m.ID, User: owner.User.Ref(), Emoji: thumb, Count: 1},
			{RoomID: room.ID, MessageID: m.ID, User: owner.User.Ref(), Emoji: family, Count: 1},
			{RoomID: room.ID, MessageID: m.ID, User: other.User.Ref(), Emoji: thumb, Count: 2},
		} {
			var got models.ReactionEvent
			e := seen.Expect(models.EventReactionAdded, &got)
			if got != want {
				t.Errorf("got the event %v, want %+v", e, want)
			}
		}

		owner.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "edited"}).ExpectStatus(200)
		var edited models.Message
		seen.Expect(models.EventMessageEdited, &edited)
		if len(edited.Reactions) != 2 || edited.Reactions[0].Count != 2 || edited.Reactions[0].Me != nil {
			t.Errorf("the event of the edit: got the reactions %+v", edited.Reactions)
		}

		other.Call("DELETE", reactionPath(m, thumb), nil).ExpectStatus(204)
		other.Call("DELETE", reactionPath(m, thumb), nil).ExpectStatus(204)
		var removed models.ReactionEvent
		seen.Expect(models.EventReactionRemoved, &removed)
		if removed.User != other.User.Ref() || removed.Emoji != thumb || removed.Count != 1 {
			t.Errorf("got %+v", removed)
		}
		var page models.Page[models.Message]
		other.Call("GET", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(200).Decode(&page)
		if r := page.Items[0].Reactions; len(r) != 2 || r[0].Count != 1 || *r[0].Me {
			t.Errorf("the history: got the reactions %+v", r)
		}

		owner.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
		seen.Expect(models.EventMessageDeleted, nil)
		wantReactions(t, other.Call("GET", harness.MessagePath(m), nil).ExpectStatus(200))
		other.Call("PUT", reactionPath(m, thumb), nil).ExpectProblem(404, models.CodeNotFound)
		other.Call("DELETE", reactionPath(m, thumb), nil).ExpectStatus(204)
	})
}

// wantReactions compares the reactions of a message.
func wantReactions(t *testing.T, a *harness.Response, want ...models.Reaction) {
	t.Helper()
	var m models.Message
	a.Decode(&m)
	same := len(m.Reactions) == len(want)
	for i := 0; same && i < len(want); i++ {
		got := m.Reactions[i]
		same = got.Emoji == want[i].Emoji && got.Count == want[i].Count && *got.Me == *want[i].Me
	}
	if !same {
		t.Errorf("got %v\nwant the reactions %+v", a, want)
	}
}

// TestReactionSpellings lets one user react with the spelling of phones, and another with that of keyboards: it is the
// same reaction, stored in one spelling.
func TestReactionSpellings(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		owner := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("owner")
		other := owner.NewGuestNamed("other")
		m := owner.SendText(owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")}).ID, "hello")
		other.JoinRoom(m.RoomID)
		seen := other.OpenStream("")
		for i, spelling := range [][3]string{
			{"❤", "❤\ufe0f", "❤\ufe0f"}, {"🏳\ufe0f\u200d🌈", "🏳\u200d🌈", "🏳\ufe0f\u200d🌈"},
			{"5\u20e3", "5\ufe0f\u20e3", "5\ufe0f\u20e3"},
			{"🕵\ufe0f🏽\u200d♂\ufe0f", "🕵🏽\u200d♂", "🕵🏽\u200d♂\ufe0f"}, {"👍\ufe0f", "👍", "👍"},
		} {
			var got models.Message
			owner.Call("PUT", reactionPath(m, spelling[0]), nil).ExpectStatus(200)
			other.Call("PUT", reactionPath(m, spelling[1]), nil).ExpectStatus(200).Decode(&got)
			if len(got.Reactions) != i+1 || got.Reactions[i].Emoji != spelling[2] || got.Reactions[i].Count != 2 {
				t.Errorf("%q: got %+v", spelling, got.Reactions)
			}
			for n := range 2 {
				var data models.ReactionEvent
				seen.Expect(models.EventReactionAdded, &data)
				if data.Emoji != spelling[2] || data.Count != int64(n+1) {
					t.Errorf("%q: got the event %+v", spelling, data)
				}
			}
		}
		for i, tone := range []string{"👍🏻", "👍🏿"} {
			a := owner.Call("PUT", reactionPath(m, tone), nil).ExpectStatus(200)
			if len(harness.Get[models.Message](owner, harness.MessagePath(m)).Reactions) != 6+i {
				t.Errorf("%v: an emoji with another skin tone is another reaction", a)
			}
		}
		owner.Call("DELETE", reactionPath(m, "❤\ufe0f"), nil).ExpectStatus(204)
		other.Call("DELETE", reactionPath(m, "❤"), nil).ExpectStatus(204)
		if left := harness.Get[models.Message](owner, harness.MessagePath(m)).Reactions; len(left) != 6 ||
			left[0].Emoji == "❤\ufe0f" {
			t.Errorf("got %+v", left)
		}
	})
}

// TestInvalidReactionsAreRefused reacts as users who may not, with texts that are not emoji, and once more than a user
// may.
func TestInvalidReactionsAreRefused(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		stranger := owner.NewGuestNamed("stranger")
		m := owner.SendText(owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")}).ID, "hello")
		hidden := owner.SendText(owner.CreateRoom(models.NewRoom{Name: harness.Ptr("hidden"),
			Kind: harness.Ptr(models.RoomPrivate)}).ID, "hello")
		for _, method := range []string{"PUT", "DELETE"} {
			stranger.Call(method, reactionPath(m, "👍"), nil).ExpectProblem(403, models.CodeForbidden)
			stranger.Call(method, reactionPath(hidden, "👍"), nil).ExpectProblem(404, models.CodeNotFound)
			missing := map[string]int{"PUT": 404, "DELETE": 204}[method]
			owner.Call(method, reactionPath(models.Message{RoomID: m.RoomID, ID: 99}, "👍"), nil).ExpectStatus(missing)
			for _, text := range []string{"a", "5", "👍👍", "<b>", "👍 ", "\u200d", "\ufe0f", "🏽x", "🇩"} {
				owner.Call(method, reactionPath(m, text), nil).ExpectProblem(404, models.CodeNotFound)
			}
		}
		for _, emoji := range []string{
			"❤️", "☝🏽", "🇩🇪", "5️⃣",
			"🏴\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F", "🏳️‍🌈", "👩🏽‍🚀", "©",
		} {
			owner.Call("PUT", reactionPath(m, emoji), nil).ExpectStatus(200)
		}
		for i := range models.MaxReactionsPerUser - 8 {
			owner.Call("PUT", reactionPath(m, string(rune('😀'+i))), nil).ExpectStatus(200)
		}
		owner.Call("PUT", reactionPath(m, "🚀"), nil).ExpectProblem(400, models.CodeInvalidRequest)
	})
}

// TestEmojiPerMessageAreLimited lets a few users react with as many different emoji as a message may have. A further
// emoji is refused, but an existing one is not. After one is removed, a further one is accepted.
func TestEmojiPerMessageAreLimited(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		m := owner.SendText(owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")}).ID, "hello")
		emoji := func(i int) string { return string(rune('🌀' + i)) }
		var member *harness.Client
		for i := range models.MaxEmojiPerMessage {
			if i%models.MaxReactionsPerUser == 0 {
				member = owner.NewGuestNamed(fmt.Sprint("member", i))
				member.JoinRoom(m.RoomID)
			}
			member.Call("PUT", reactionPath(m, emoji(i)), nil).ExpectStatus(200)
		}
		owner.Call("PUT", reactionPath(m, emoji(models.MaxEmojiPerMessage)), nil).
			ExpectProblem(400, models.CodeInvalidRequest)
		owner.Call("PUT", reactionPath(m, emoji(0)), nil).ExpectStatus(200)
		member.Call("DELETE", reactionPath(m, emoji(models.MaxEmojiPerMessage-1)), nil).ExpectStatus(204)
		owner.Call("PUT", reactionPath(m, emoji(models.MaxEmojiPerMessage)), nil).ExpectStatus(200)
		long := "👩🏽" + strings.Repeat("\u200d👩🏽", 6)
		owner.Call("PUT", reactionPath(m, long), nil).ExpectProblem(404, models.CodeNotFound)
	})
}
