package models

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// TestPageJSON compares the output of AppendPage, and of AppendJSON of rooms and typing, with that of encoding/json.
func TestPageJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		page := Page[Room]{
			Items: rapid.SliceOfN(rapid.Custom(anyRoom), 0, 3).Draw(t, "rooms"), NextCursor: rapid.String().Draw(t, "cursor"),
		}
		same(t, AppendPage(nil, page), page)
		typing := Typing{RoomID: rapid.Int64().Draw(t, "room"), User: anyRef(t), Until: anyInstant(t)}
		same(t, typing.AppendJSON(nil), typing)
	})
	if got := string(AppendPage(nil, Page[Room]{})); got != `{"items":null}` {
		t.Errorf("a nil list is encoded as %s", got)
	}
}

func same(t *rapid.T, got []byte, v any) {
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != want.String() {
		t.Fatalf("AppendPage:    %s\nencoding/json: %s", got, want.String())
	}
}

func anyRoom(t *rapid.T) Room {
	id, text := rapid.Int64(), rapid.String()
	r := Room{
		ID: id.Draw(t, "id"), Handle: text.Draw(t, "handle"), Name: text.Draw(t, "name"), Description: text.Draw(t,
			"description"),
		Kind: RoomKind(text.Draw(t, "kind")), Subject: text.Draw(t, "subject"), OwnerID: id.Draw(t, "owner"),
		CreatedAt: anyInstant(t), UpdatedAt: anyInstant(t), ActiveAt: anyInstant(t), MemberCount: id.Draw(t, "members"),
		MessageCount:  id.Draw(t, "messages"),
		LastMessageID: id.Draw(t, "last"), Users: rapid.SliceOfN(rapid.Custom(anyRef), 0, 2).Draw(t, "users"),
	}
	if rapid.Bool().Draw(t, "member") {
		r.Membership = &Membership{
			Role: Role(text.Draw(t, "role")), JoinedAt: anyInstant(t), LastReadID: id.Draw(t, "read"),
			UnreadCount: id.Draw(t, "unread"), Muted: rapid.Bool().Draw(t, "muted"),
		}
	}
	return r
}

func anyRef(t *rapid.T) UserRef {
	return UserRef{
		ID: rapid.Int64().Draw(t, "user"), Username: rapid.String().Draw(t, "username"), DisplayName: rapid.String().Draw(t,
			"shown as"),
	}
}

func anyInstant(t *rapid.T) Time {
	return FromMillis(rapid.Int64Range(0, 253402300799999).Draw(t, "at"))
}
