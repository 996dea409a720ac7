package store

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestMembersOfManyUsers filters more users than a statement can have parameters; a room can have as many present
// users.
func TestMembersOfManyUsers(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		s := openFilled(t, name)
		among := make([]int64, 70_000)
		for i := range among {
			among[i] = int64(i + 2)
		}
		page, err := s.Members(t.Context(), 1, models.RoomPath{ID: 3}, among, models.Paging{Limit: 10})
		if err != nil || len(page.Items) != 1 || page.Items[0].User.ID != 4 {
			t.Errorf("the members are %+v, %v", page.Items, err)
		}
	})
}
