package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

func reactionPath(m models.Message, emoji string) string {
	return messagePath(m) + "/reactions/" + url.PathEscape(emoji)
}

// TestReactions has two members react to a message and take it back: each sees their own, the events are everybody's,
// and an edit, a deletion and a cleared history treat them as the contract says.
func TestReactions(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		other := owner.guest("other")
		room := owner.room(models.NewRoom{Name: ptr("room")})
		other.join(room.ID)
		m := owner.say(room.ID, "hello")
		seen := other.open("")

		const thumb, family = "👍", "👨‍👩‍👧‍👦"
		owner.call("PUT", reactionPath(m, thumb), nil).status(200)
		first := owner.call("PUT", reactionPath(m, family), nil).status(200)
		second := other.call("PUT", reactionPath(m, thumb), nil).status(200)
		if again := other.call("PUT", reactionPath(m, thumb), nil).status(200); again.header("Event-Id") != "" {
			t.Errorf("%v: a reaction that was there told of itself", again)
		}
		wantReactions(t, first, models.Reaction{Emoji: thumb, Count: 1, Me: ptr(true)}, models.Reaction{Emoji: family, Count: 1, Me: ptr(true)})
		wantReactions(t, second, models.Reaction{Emoji: thumb, Count: 2, Me: ptr(true)}, models.Reaction{Emoji: family, Count: 1, Me: ptr(false)})

		for _, want := range []models.ReactionEvent{
			{RoomID: room.ID, MessageID: m.ID, User: owner.User.Ref(), Emoji: thumb, Count: 1},
			{RoomID: room.ID, MessageID: m.ID, User: owner.User.Ref(), Emoji: family, Count: 1},
			{RoomID: room.ID, MessageID: m.ID, User: other.User.Ref(), Emoji: thumb, Count: 2},
		} {
			var got models.ReactionEvent
			e := seen.expect(models.EventReactionAdded, &got)
			if got != want {
				t.Errorf("%v: wanted %+v", e, want)
			}
		}

		owner.call("PATCH", messagePath(m), models.MessageEdit{Text: "edited"}).status(200)
		var edited models.Message
		seen.expect(models.EventMessageEdited, &edited)
		if len(edited.Reactions) != 2 || edited.Reactions[0].Count != 2 || edited.Reactions[0].Me != nil {
			t.Errorf("the event of the edit has %+v", edited.Reactions)
		}

		other.call("DELETE", reactionPath(m, thumb), nil).status(204)
		other.call("DELETE", reactionPath(m, thumb), nil).status(204)
		var removed models.ReactionEvent
		seen.expect(models.EventReactionRemoved, &removed)
		if removed.User != other.User.Ref() || removed.Emoji != thumb || removed.Count != 1 {
			t.Errorf("got %+v", removed)
		}
		var page models.Page[models.Message]
		other.call("GET", roomPath(room.ID)+"/messages", nil).status(200).into(&page)
		if r := page.Items[0].Reactions; len(r) != 2 || r[0].Count != 1 || *r[0].Me {
			t.Errorf("history has %+v", r)
		}

		owner.call("DELETE", messagePath(m), nil).status(204)
		seen.expect(models.EventMessageDeleted, nil)
		wantReactions(t, other.call("GET", messagePath(m), nil).status(200))
		other.call("PUT", reactionPath(m, thumb), nil).problem(404, models.CodeNotFound)
		other.call("DELETE", reactionPath(m, thumb), nil).status(204)
	})
}

func wantReactions(t *testing.T, a *answer, want ...models.Reaction) {
	t.Helper()
	var m models.Message
	a.into(&m)
	same := len(m.Reactions) == len(want)
	for i := 0; same && i < len(want); i++ {
		got := m.Reactions[i]
		same = got.Emoji == want[i].Emoji && got.Count == want[i].Count && *got.Me == *want[i].Me
	}
	if !same {
		t.Errorf("%v\nwanted %+v", a, want)
	}
}

// TestReactionSpellings has one react as phones spell emoji and another as keyboards do: it is one reaction, in one spelling.
func TestReactionSpellings(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		owner := newClient(t, startServer(t, database).url).guest("owner")
		other := owner.guest("other")
		m := owner.say(owner.room(models.NewRoom{Name: ptr("room")}).ID, "hello")
		other.join(m.RoomID)
		seen := other.open("")
		for i, spelling := range [][3]string{
			{"❤", "❤\ufe0f", "❤\ufe0f"}, {"🏳\ufe0f\u200d🌈", "🏳\u200d🌈", "🏳\ufe0f\u200d🌈"}, {"5\u20e3", "5\ufe0f\u20e3", "5\ufe0f\u20e3"},
			{"🕵\ufe0f🏽\u200d♂\ufe0f", "🕵🏽\u200d♂", "🕵🏽\u200d♂\ufe0f"}, {"👍\ufe0f", "👍", "👍"},
		} {
			var got models.Message
			owner.call("PUT", reactionPath(m, spelling[0]), nil).status(200)
			other.call("PUT", reactionPath(m, spelling[1]), nil).status(200).into(&got)
			if len(got.Reactions) != i+1 || got.Reactions[i].Emoji != spelling[2] || got.Reactions[i].Count != 2 {
				t.Errorf("%q: got %+v", spelling, got.Reactions)
			}
			for n := range 2 {
				var told models.ReactionEvent
				seen.expect(models.EventReactionAdded, &told)
				if told.Emoji != spelling[2] || told.Count != int64(n+1) {
					t.Errorf("%q: told %+v", spelling, told)
				}
			}
		}
		for i, tone := range []string{"👍🏻", "👍🏿"} {
			if a := owner.call("PUT", reactionPath(m, tone), nil).status(200); len(get[models.Message](owner, messagePath(m)).Reactions) != 6+i {
				t.Errorf("%v: a skin tone makes another", a)
			}
		}
		owner.call("DELETE", reactionPath(m, "❤\ufe0f"), nil).status(204)
		other.call("DELETE", reactionPath(m, "❤"), nil).status(204)
		if left := get[models.Message](owner, messagePath(m)).Reactions; len(left) != 6 || left[0].Emoji == "❤\ufe0f" {
			t.Errorf("got %+v", left)
		}
	})
}

// TestReactionsRefused has those react who may not, and with what is no emoji.
func TestReactionsRefused(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		stranger := owner.guest("stranger")
		m := owner.say(owner.room(models.NewRoom{Name: ptr("room")}).ID, "hello")
		hidden := owner.say(owner.room(models.NewRoom{Name: ptr("hidden"), Kind: ptr(models.RoomPrivate)}).ID, "hello")
		for _, method := range []string{"PUT", "DELETE"} {
			stranger.call(method, reactionPath(m, "👍"), nil).problem(403, models.CodeForbidden)
			stranger.call(method, reactionPath(hidden, "👍"), nil).problem(404, models.CodeNotFound)
			owner.call(method, messagePath(models.Message{RoomID: m.RoomID, ID: 99})+"/reactions/%F0%9F%91%8D", nil).
				problem(404, models.CodeNotFound)
			for _, text := range []string{"a", "5", "👍👍", "<b>", "👍 ", "\u200d", "\ufe0f", "🏽x", "🇩"} {
				owner.call(method, reactionPath(m, text), nil).problem(404, models.CodeNotFound)
			}
		}
		for _, emoji := range []string{"❤️", "☝🏽", "🇩🇪", "5️⃣", "🏴\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F", "🏳️‍🌈", "👩🏽‍🚀", "©"} {
			owner.call("PUT", reactionPath(m, emoji), nil).status(200)
		}
		for i := range models.MaxReactionsPerUser - 8 {
			owner.call("PUT", reactionPath(m, string(rune('😀'+i))), nil).status(200)
		}
		owner.call("PUT", reactionPath(m, "🚀"), nil).problem(400, models.CodeInvalidRequest)
	})
}

// TestReactionsOfMany has a few users react with as many different emoji as a message may have. One more is refused, and one
// that is there is not; when one is taken back there is room again.
func TestReactionsOfMany(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		m := owner.say(owner.room(models.NewRoom{Name: ptr("room")}).ID, "hello")
		emoji := func(i int) string { return string(rune('🌀' + i)) }
		var member *client
		for i := range models.MaxEmojiPerMessage {
			if i%models.MaxReactionsPerUser == 0 {
				member = owner.guest(fmt.Sprint("member", i))
				member.join(m.RoomID)
			}
			member.call("PUT", reactionPath(m, emoji(i)), nil).status(200)
		}
		owner.call("PUT", reactionPath(m, emoji(models.MaxEmojiPerMessage)), nil).problem(400, models.CodeInvalidRequest)
		owner.call("PUT", reactionPath(m, emoji(0)), nil).status(200)
		member.call("DELETE", reactionPath(m, emoji(models.MaxEmojiPerMessage-1)), nil).status(204)
		owner.call("PUT", reactionPath(m, emoji(models.MaxEmojiPerMessage)), nil).status(200)
		long := "👩🏽" + strings.Repeat("\u200d👩🏽", 6)
		owner.call("PUT", reactionPath(m, long), nil).problem(404, models.CodeNotFound)
	})
}
