package sse

// Bounds of the newest events that are kept in memory, for walks that are only a little behind.
const (
	cacheEvents = 4096
	cacheBytes  = 8 << 20
)

// recent is a run of the newest events, without gaps, ending at the hub's position.
type eventCache struct {
	events []*event
	bytes  int
}

func (r *eventCache) add(e *event) {
	r.events = append(r.events, e)
	r.bytes += len(e.frame) + len(e.notification)
	drop := 0
	for len(r.events)-drop > cacheEvents || r.bytes > cacheBytes {
		oldest := r.events[drop]
		r.bytes -= len(oldest.frame) + len(oldest.notification)
		r.events[drop] = nil
		drop++
	}
	r.events = r.events[drop:]
}

// after is a copy of up to limit of the events that follow position, which is before the newest one, and up to one that is
// stale; ok is false when the first of them is not here, or is stale: the log has it as it is now.
func (r *eventCache) eventsAfter(position int64, limit int) (events []*event, ok bool) {
	if len(r.events) == 0 || position < r.events[0].Position-1 {
		return nil, false
	}
	from := int(position - r.events[0].Position + 1)
	for _, e := range r.events[from:min(from+limit, len(r.events))] {
		if e.stale {
			break
		}
		events = append(events, e)
	}
	return events, len(events) > 0
}
