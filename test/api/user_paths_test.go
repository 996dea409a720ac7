package api

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestPathsTakeCallerByMeNameOrID names the caller in each of the three ways in every path that takes a user.
func TestPathsTakeCallerByMeNameOrID(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		ben := anna.NewGuestNamed("ben")
		for _, me := range []string{"me", "@ben", "@BEN", fmt.Sprint(ben.User.ID)} {
			if u := harness.Get[models.User](ben, "/v1/users/"+me); u.ID != ben.User.ID {
				t.Errorf("GET /v1/users/%s: got %+v", me, u)
			}
			room := anna.CreatePublicRoom()
			member := harness.RoomPath(room.ID) + "/members/" + me
			for _, step := range []struct {
				method, path string
				status       int
			}{
				{"PUT", "/v1/contacts/" + me, 400}, {"DELETE", "/v1/contacts/" + me, 204}, {"PUT", "/v1/blocks/" + me, 400},
				{"DELETE", "/v1/blocks/" + me, 204}, {"PUT", "/v1/users/" + me + "/direct", 400},
				{"PUT", member, 200}, {"PUT", member, 200}, {"DELETE", member, 204}, {"DELETE", member, 204},
				{"PUT", harness.RoomPath(room.ID) + "/bans/" + me, 403}, {"DELETE", harness.RoomPath(room.ID) + "/bans/" + me, 403},
			} {
				if a := ben.Call(step.method, step.path, nil); a.HTTP.StatusCode != step.status {
					t.Errorf("%s %s: got %v, want %d", step.method, step.path, a, step.status)
				}
			}
			own := ben.CreatePublicRoom()
			ben.Call("PUT", harness.RoomPath(own.ID)+"/bans/"+me, models.NewBan{}).
				ExpectProblem(http.StatusBadRequest, models.CodeInvalidRequest)
			ben.Call("DELETE", harness.RoomPath(own.ID)+"/bans/"+me, nil).ExpectStatus(204)
			if me != "me" {
				ben.Call("PUT", harness.RoomPath(room.ID)+"/members/"+me, models.RoleChange{Role: models.RoleOwner}).
					ExpectProblem(403, models.CodeForbidden)
			}
		}
	})
}
