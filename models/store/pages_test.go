package store

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// TestCursors: a cursor is valid for its own list only, and a modified one is invalid.
func TestCursors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Int64Range(0, database.MaxTime)
		of := list{listKind(rapid.IntRange(int(listRooms), int(listFoundAnywhere)).Draw(t, "kind")), number.Draw(t, "owner")}
		c := cursor{
			list: of, begun: number.Draw(t, "begun"), at: number.Draw(t, "at"), room: number.Draw(t, "room"), id: number.Draw(t,
				"id"),
			key: rapid.StringMatching(`[^\x00]{0,128}`).Draw(t, "key"),
		}
		if got, ok, err := of.after(c.String()); err != nil || !ok || got != c {
			t.Fatalf("%+v came back as %+v, %v, %v", c, got, ok, err)
		}
		for _, other := range []list{{of.kind%listFoundAnywhere + 1, of.owner}, {of.kind, of.owner + 1}} {
			refused(t, other, c.String())
		}
		text := []byte(c.String())
		at := rapid.IntRange(0, len(text)-1).Draw(t, "changed")
		if text[at] = rapid.SampledFrom([]byte("Aa0-_%é")).Draw(t, "to"); string(text) != c.String() {
			refused(t, of, string(text))
		}
	})
}

func refused(t *rapid.T, of list, given string) {
	if got, ok, err := of.after(given); ok || !errors.Is(err, &models.Error{Code: models.CodeInvalidRequest}) {
		t.Fatalf("%q was accepted as a cursor: %+v, %v, %v", given, got, ok, err)
	}
}
