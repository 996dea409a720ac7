package api

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestNamesAreCheckedAndNormalized sends names with invisible characters, odd spaces and wide letters, and compares
// what is stored.
func TestNamesAreCheckedAndNormalized(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		for _, bad := range []string{
			" ", "\u00ad", "\u2800", "\ufe0f", "Anna\u2066", "An\u200bna", "Anna\r\nadmin", "\U000e0041",
		} {
			anna.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: &bad}).ExpectInvalid("display_name")
			anna.Call("POST", "/v1/rooms", models.NewRoom{Name: &bad}).ExpectInvalid("name")
			anna.Call("POST", "/v1/sessions", models.Credentials{Username: "bert", Guest: true, DisplayName: &bad}).
				ExpectInvalid("display_name")
		}
		var u models.User
		anna.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: harness.Ptr("  Anna \u3000 👩\u200d💻 ")}).
			ExpectStatus(200).Decode(&u)
		if u.DisplayName != "Anna 👩\u200d💻" ||
			harness.Get[models.User](anna, "/v1/users/@anna").DisplayName != u.DisplayName {
			t.Errorf("got the display name %q", u.DisplayName)
		}
		var room models.Room
		anna.Call("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr("Ｔｅａ  room ")}).ExpectStatus(201).Decode(&room)
		anna.Call("PATCH", harness.RoomPath(room.ID), models.RoomChange{Name: harness.Ptr("\u200b")}).ExpectInvalid("name")
		if got := anna.GetRoom(room.ID); got.Name != "Tea room" {
			t.Errorf("got the room name %q", got.Name)
		}
		for _, name := range []string{"me", "Deleted", "ad-min", "r00t"} {
			anna.WithoutToken().Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}).
				ExpectInvalid("username")
			anna.WithoutToken().Call("POST", "/v1/sessions", models.Credentials{Username: name, Guest: true}).
				ExpectInvalid("username")
			anna.Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}).ExpectInvalid("username")
		}
		anna.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "\u3164\u200b"}).
			ExpectInvalid("text")
		anna.Call("POST", "/v1/messages",
			models.TargetedMessage{Target: "@anna", NewMessage: models.NewMessage{Text: "\u2800"}}).ExpectInvalid("text")
	})
}
