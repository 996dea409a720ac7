package loadtest

import (
	"math/bits"
)

// numberSet is a set of numbers that come nearly in order and without gaps: those up to the first gap take no memory.
type numberSet struct {
	whole int      // so many words, of 64 numbers each, are full and forgotten
	words []uint64 // those after them
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

// lacks counts the numbers of wanted that are not in s.
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
