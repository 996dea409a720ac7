package loadtest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"
)

// mark holds the number of a message in its room and when the message was due. It is sent in the message's client_id,
// after a marker that appears nowhere else on a stream, and has a fixed length: so it is found without parsing.
type mark struct {
	number uint32
	due    time.Duration // since the run began
}

const loadMarkBytes = 4 + 8

func (m mark) append(b []byte) []byte {
	var raw [loadMarkBytes]byte
	binary.BigEndian.PutUint32(raw[:], m.number)
	binary.BigEndian.PutUint64(raw[4:], uint64(m.due))
	return hex.AppendEncode(b, raw[:])
}

// nextMark returns the first mark in frames and the bytes after it.
func nextMark(frames, marker []byte) (m mark, rest []byte, found bool) {
	for {
		i := bytes.Index(frames, marker)
		if i < 0 {
			return mark{}, nil, false
		}
		frames = frames[i+len(marker):]
		var raw [loadMarkBytes]byte
		if len(frames) < hex.EncodedLen(loadMarkBytes) {
			return mark{}, nil, false
		}
		if _, err := hex.Decode(raw[:], frames[:hex.EncodedLen(loadMarkBytes)]); err != nil {
			continue // not a mark
		}
		m = mark{binary.BigEndian.Uint32(raw[:]), time.Duration(binary.BigEndian.Uint64(raw[4:]))}
		return m, frames[hex.EncodedLen(loadMarkBytes):], true
	}
}

// messages holds prepared bodies of messages, without their marks.
type messages struct {
	heads [][]byte // up to the mark
}

// textsPrepared is the number of different texts.
const textsPrepared = 64

func newMessages(marker string, size int) messages {
	var m messages
	for range textsPrepared {
		m.heads = append(m.heads, []byte(`{"text":"`+loadText(size)+`","client_id":"`+marker))
	}
	return m
}

// body returns a message with a random prepared text and the mark.
func (l messages) body(m mark) []byte {
	head := l.heads[rand.IntN(len(l.heads))]
	b := make([]byte, 0, len(head)+hex.EncodedLen(loadMarkBytes)+2)
	return append(m.append(append(b, head...)), `"}`...)
}

// loadWords are the words of the messages: real words, so that the server's word index has realistic work.
var loadWords = strings.Fields(`about after again all also always and around ask away back because before better between
	book bring but can change come could day different do door each early end enough even every far few find first
	found from garden give go good great hand have head hear help here home house how idea into just keep kettle know
	last late learn leave less letter light like line little long look made make many may maybe mean meet minute more
	morning most move much must name near need never new next night nothing now number of often old once only open
	other our over own paper part people place plan point put question quick read ready really right room round said
	same saw say school see seem should show side small some soon still story street such sure take talk tea tell than
	that their then there thing think this those thought three through time today together tomorrow too town train try
	turn two under until use very wait walk want water way week well went what when where which while who why will
	window with without word work world would write year yes yet young`)

// loadText returns a random text of size characters.
func loadText(size int) string {
	var b strings.Builder
	for b.Len() < size {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(loadWords[rand.IntN(len(loadWords))])
	}
	text := []byte(b.String()[:size])
	if text[size-1] == ' ' {
		text[size-1] = '.'
	}
	return string(text)
}
