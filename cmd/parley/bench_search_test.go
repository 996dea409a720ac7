package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// million is the variable that has the benchmark of search fill its databases with a million messages too, which takes
// some minutes.
const million = "PARLEY_BENCH_MILLION"

// BenchmarkSearch searches rooms of databases of two sizes, filled by Parley itself: what it takes must not grow with
// the database, only with the room.
func BenchmarkSearch(b *testing.B) {
	for _, d := range []struct {
		name string
		make func(testing.TB) string
	}{{"sqlite", newSQLite}, {"postgres", newPostgres}} {
		for _, size := range []int{10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/messages=%d", d.name, size), func(b *testing.B) {
				if size > 10_000 && os.Getenv(million) == "" {
					b.Skip(million + " is not set")
				}
				benchSearch(b, d.make(b), size)
			})
		}
	}
}

// benchSearch fills one room with a tenth of the messages and many small ones with the rest, and measures the requests
// of one user who is in the large room and in up to a thousand others.
func benchSearch(b *testing.B, database string, size int) {
	s := startServer(b, database, "--event-retention", "1s", "--rate-limit", "off")
	anna, boris := newClient(b, s.url).guest("anna"), newClient(b, s.url).guest("boris")
	large := anna.room(models.NewRoom{Name: ptr("large")}).ID
	rooms := []int64{large}
	for i := range size / 100 {
		owner := anna
		if i >= 1000 {
			owner = boris
		}
		rooms = append(rooms, owner.room(models.NewRoom{Name: ptr(fmt.Sprint("room ", i))}).ID)
	}
	fill(b, s, rooms, size, anna.User.ID, boris.User.ID)

	history := roomPath(large) + "/messages"
	middle := size / 10 / 2
	for _, c := range []struct{ name, path string }{
		{"start, rare", history + "/search?prefix=m" + strconv.Itoa(middle) + "%20"},
		{"start, of all", history + "/search?prefix=m"},
		{"words, rare", history + "/search?q=m" + strconv.Itoa(middle) + "%20tea"},
		{"word, of one in a hundred", history + "/search?q=word7"},
		{"word, of all", history + "/search?q=tea"},
		{"all rooms, rare", "/v1/search?q=m" + strconv.Itoa(middle)},
		{"all rooms, none", "/v1/search?q=nothing"},
		{"all rooms, of all", "/v1/search?q=tea"},
		{"history, newest", history},
		{"history, middle", history + "?around=" + strconv.Itoa(middle)},
		{"history, oldest", history + "?after=1"},
		{"rooms", "/v1/rooms"},
		{"rooms by name", "/v1/rooms/search?prefix=room%205"},
		{"users", "/v1/users?prefix=an"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				anna.send("GET", c.path, nil).status(200)
			}
		})
	}
}

// fill sends size messages, a tenth of them into the first room.
func fill(b *testing.B, s *testServer, rooms []int64, size int, anna, boris int64) {
	b.Helper()
	ctx := context.Background()
	var senders sync.WaitGroup
	const many = 256
	for sender := range many {
		senders.Go(func() {
			for i := sender; i < size; i += many {
				room, owner := rooms[0], anna
				if at := i / 10 % (len(rooms) - 1); i%10 != 0 {
					room = rooms[1+at]
					if at >= 1000 {
						owner = boris
					}
				}
				text := fmt.Sprintf("m%d says word%d: tea at %s", i/10, i/10%100, strings.Repeat("four ", 1+i%20))
				if _, _, err := s.store.Send(ctx, owner, models.RoomPath{ID: room}, models.NewMessage{Text: text}, nil); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
	runtime.GC()
}
