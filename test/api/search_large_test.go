package api

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestSearchInLargeRoom reads all pages of searches in a room with more messages than a search examines one by one: old
// messages follow new ones, and no message is found twice.
func TestSearchInLargeRoom(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("large")}).ID
		const size = 1300
		marked := []int64{1, 2, 290, 299, 300, 301, 700, 1299, 1300}
		fillRoom(t, s, anna, room, size, marked)
		for _, query := range []string{"q=needle", "prefix=Needle"} {
			for _, limit := range []int{1, 2, 4, 50} {
				var found []int64
				for _, page := range harness.AllPages[models.Message](anna,
					fmt.Sprintf("%s/messages/search?%s&limit=%d", harness.RoomPath(room), query, limit)) {
					for _, m := range page {
						found = append(found, m.ID)
					}
				}
				slices.Reverse(found)
				if !slices.Equal(found, marked) {
					t.Errorf("%s in pages of %d: got %v, want %v", query, limit, found, marked)
				}
			}
		}
		for _, query := range []string{"q=hay", "prefix=" + url.QueryEscape("hay ")} {
			page := harness.Get[models.Page[models.Message]](anna, harness.RoomPath(room)+"/messages/search?limit=200&"+query)
			if first, last := page.Items[0].ID, page.Items[199].ID; first != 1298 || last != 1099 {
				t.Errorf("%s: got messages %d to %d, want 1298 to 1099", query, first, last)
			}
		}
	})
}

// fillRoom sends size messages. Those with the marked ids have the word "needle".
func fillRoom(t *testing.T, s *harness.Server, c *harness.Client, roomID, size int64, marked []int64) {
	t.Helper()
	send := func(text string) {
		_, _, err := s.Store.Send(context.Background(), c.User.ID, models.RoomPath{ID: roomID}, models.NewMessage{Text: text},
			nil)
		if err != nil {
			t.Error(err)
		}
	}
	for id := int64(1); id <= size; {
		if slices.Contains(marked, id) {
			send(fmt.Sprint("needle ", id))
			id++
			continue
		}
		var sending sync.WaitGroup
		for ; id <= size && !slices.Contains(marked, id); id++ {
			sending.Go(func() { send("hay and straw") })
		}
		sending.Wait()
	}
}
