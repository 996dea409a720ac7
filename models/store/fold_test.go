package store

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSplitASCII holds the short way for plain texts against the one for all.
func TestSplitASCII(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := make([]byte, r.IntN(4*maxWord))
		some := r.IntN(64) // the rarer what ends a word, the longer they are
		for i := range text {
			if text[i] = "az09"[r.IntN(4)]; r.IntN(some+1) == 0 {
				text[i] = byte(r.IntN(128))
			}
		}
		folded := foldAccents(string(text))
		if got, want := splitASCII(folded), split(folded); !slices.Equal(got, want) {
			t.Fatalf("%q is split into %q, not %q", folded, got, want)
		}
	}
}
