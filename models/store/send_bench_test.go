package store

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// BenchmarkSends measures what a message costs without its request: 32 senders, in one room and in a thousand.
func BenchmarkSends(b *testing.B) {
	for _, rooms := range []int{1, 1000} {
		b.Run(fmt.Sprintf("sqlite/rooms=%d", rooms), func(b *testing.B) {
			benchmarkSends(b, openTestStore(b, migrated.SQLite(b)), rooms)
		})
		if os.Getenv("PARLEY_TEST_POSTGRES") != "" {
			b.Run(fmt.Sprintf("postgres/rooms=%d", rooms), func(b *testing.B) {
				benchmarkSends(b, openTestStore(b, migrated.Postgres(b)), rooms)
			})
		}
	}
}

func benchmarkSends(b *testing.B, h *testStore, rooms int) {
	b.Helper()
	const senders = 32
	defer h.close()
	var users []models.User
	for i := range senders {
		users = append(users, h.user(fmt.Sprintf("user%d", i)))
	}
	ids := make([][]int64, senders) // the rooms of each
	for i := range rooms {
		room := h.room(fmt.Sprintf("room%d", i), models.RoomPublic, users[i%senders], users[:senders/min(rooms, senders)]...)
		for s := range ids {
			if rooms < senders || s == i%senders {
				ids[s] = append(ids[s], room.ID)
			}
		}
	}
	b.ResetTimer()
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := s; i < b.N; i += senders {
				h.say(ids[s][i/senders%len(ids[s])], users[s],
					fmt.Sprintf("m%d says word%d tea and some words more, number%d, as many as most messages have", i, i%20, i%5000))
			}
		})
	}
	sending.Wait()
	batches, messages := h.SendBatches()
	b.ReportMetric(float64(messages)/float64(batches), "msgs/batch")
}
