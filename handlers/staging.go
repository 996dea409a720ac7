package handlers

import "sync"

// staging knows how many bytes of files each user's requests bring at this moment. The database hears of them when they
// are all there: until then a hundred requests at once would each find room for themselves.
type staging struct {
	mu    sync.Mutex
	bytes map[int64]int64 // by user
}

// begin counts an upload of so many bytes until end is called, and says how many the user's others bring.
func (s *staging) begin(userID, size int64) (others int64, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes == nil {
		s.bytes = map[int64]int64{}
	}
	others = s.bytes[userID]
	s.bytes[userID] += size
	return others, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.bytes[userID] -= size; s.bytes[userID] == 0 {
			delete(s.bytes, userID)
		}
	}
}

// of is how many bytes the user's requests bring now.
func (s *staging) of(userID int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes[userID]
}
