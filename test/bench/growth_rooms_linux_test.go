package bench

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// growDelivery and growTime are the names of the measurements in the chart.
const (
	growDelivery = "server CPU for a delivery"
	growTime     = "time for a delivery"
)

// growRooms measures the costs of messages by the number of streams in their room.
func growRooms(b *testing.B) *grid {
	g := newGrid("SQLite, by streams in the room", "µs")
	for _, streams := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			if missing := missingFiles(b, streams+1000); missing != "" {
				b.Skip(missing)
			}
			database := harness.NewSQLite(b)
			c := newChatIn(b, database, max(streams/models.MaxStreamsPerUser, growSenders))
			d := deliveryCase{database: "SQLite", make: harness.NewSQLite, streams: streams, inFlight: growSenders}
			var processor, rate series
			for b.Loop() {
				done, _ := d.parley(b, database, c)
				processor, rate = append(processor, done.processor), append(rate, done.rate)
			}
			report(b, processor, "cpu-µs/delivery") // the same number as seconds for a million
			report(b, rate, "deliveries/s")
			g.set(growDelivery, streams, processor.median())
			g.set(growTime, streams, 1e6/rate.median())
			g.set("server CPU for a message", streams, processor.median()*float64(streams))
		})
	}
	return g
}
