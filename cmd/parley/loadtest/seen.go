package loadtest

import (
	"math/bits"
)

// numberSet is a set of numbers that are added nearly in order and without gaps. Numbers before the first gap take no
// memory.
type numberSet struct {
	whole int      // the number of complete words, of 64 numbers each, which are not stored
	words []uint64 // the words after them
}

// add reports whether n is new.
func (s *numberSet) add(n uint32) bool {
	word, bit := int(n/64)-s.whole, uint64(1)<<(n%64)
	if word < 0 {
		return false
	}
	for word >= len(s.words) {
		s.words = append(s.words, 0)
	}
	if s.words[word]&bit != 0 {
		return false
	}
	s.words[word] |= bit
	for len(s.words) > 0 && s.words[0] == ^uint64(0) {
		s.words = s.words[1:]
		s.whole++
	}
	return true
}

// lacks returns how many numbers of wanted are not in s.
func (s *numberSet) lacks(wanted *numberSet) int64 {
	n := 0
	for i := s.whole; i < wanted.whole+len(wanted.words); i++ {
		n += bits.OnesCount64(wanted.word(i) &^ s.word(i))
	}
	return int64(n)
}

func (s *numberSet) word(i int) uint64 {
	switch i -= s.whole; {
	case i < 0:
		return ^uint64(0)
	case i < len(s.words):
		return s.words[i]
	default:
		return 0
	}
}
