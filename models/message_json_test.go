package models_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestMessageJSON compares the output of AppendJSON with that of encoding/json for the same message.
func TestMessageJSON(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		m := someMessage(r)
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(m); err != nil {
			t.Fatal(err)
		}
		if got := m.AppendJSON([]byte("before ")); string(got)+"\n" != "before "+want.String() {
			t.Fatalf("AppendJSON:   %s\nencoding/json: %s", got, want.String())
		}
	}
}

func someMessage(r *rand.Rand) models.Message {
	m := models.Message{
		ID: someNumber(r), RoomID: someNumber(r), Subject: someText(r), Sender: models.UserRef{
			ID: someNumber(r), Username: someText(r), DisplayName: someText(r),
		},
		Type: models.MessageType(someText(r)), Text: someText(r), ReplyTo: someNumber(r), ClientID: someText(r),
		CreatedAt: someTime(r), EditedAt: someTime(r), DeletedAt: someTime(r),
	}
	if r.IntN(4) > 0 {
		m.Files = make([]models.File, r.IntN(3))
		m.Reactions = make([]models.Reaction, r.IntN(3))
	}
	for i := range m.Files {
		m.Files[i] = models.File{
			ID: someText(r), RoomID: someNumber(r), Name: someText(r), MediaType: someText(r), Size: someNumber(r),
			SHA256: someText(r), Width: int(someNumber(r)), Height: int(someNumber(r)), URL: someText(r),
			ThumbnailURL: someText(r), CreatedAt: someTime(r),
		}
	}
	for i := range m.Reactions {
		m.Reactions[i] = models.Reaction{Emoji: someText(r), Count: someNumber(r)}
		if me := r.IntN(2) == 0; r.IntN(2) == 0 {
			m.Reactions[i].Me = &me
		}
	}
	return m
}

func someNumber(r *rand.Rand) int64 {
	if r.IntN(3) == 0 {
		return 0
	}
	return r.Int64() >> r.IntN(63)
}

func someTime(r *rand.Rand) models.Time {
	if r.IntN(3) == 0 {
		return models.Time{}
	}
	return models.At(time.UnixMilli(r.Int64N(4_000_000_000_000)))
}

// someText contains characters that are escaped, characters that look similar, and bytes that are not UTF-8.
func someText(r *rand.Rand) string {
	parts := []string{
		"a", "word ", `"`, `\`, "/", "<b>", "&", "'", "\x00", "\x1f", "\x7f", "\b", "\f", "\n", "\r", "\t", "é", "中", "😀",
		"\u2027", "\u2028", "\u2029", "\u202a", "\ufffd", "\xff", "\xc3", "\xe2\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	}
	var b strings.Builder
	for range r.IntN(6) {
		if r.IntN(8) == 0 {
			b.WriteByte(byte(r.IntN(256)))
		}
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}
