package store

import (
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestMembersOfManyUsers filters more users than a statement can have parameters; a room can have as many present
// users.
func TestMembersOfManyUsers(t *testing.T) {
	for kind, open := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return filepath.Join(t.TempDir(), "parley.db") },
		"postgres": newPostgres,
	} {
		t.Run(kind, func(t *testing.T) {
			s := openFilled(t, open(t))
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
}
