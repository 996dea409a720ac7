package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// packedList is a list of n values in MessagePack, each of which is item.
func packedList(n int, item []byte) []byte {
	list := binary.BigEndian.AppendUint32([]byte{0xdd}, uint32(n))
	return append(list, bytes.Repeat(item, n)...)
}

// TestMsgpackBombs decodes bodies that are short in MessagePack and long in JSON.
func TestMsgpackBombs(t *testing.T) {
	tiny := append([]byte{0xcb}, binary.BigEndian.AppendUint64(nil, math.Float64bits(-5e-324))...)
	controls := append([]byte{0xbf}, bytes.Repeat([]byte{1}, 31)...)
	for name, item := range map[string][]byte{"tiny doubles": tiny, "control characters": controls, "false": {0xc2}} {
		t.Run(name, func(t *testing.T) {
			body := packedList((models.MaxBodyBytes-5)/len(item), item)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			out, err := fromMsgpack(body)
			runtime.ReadMemStats(&after)
			if err == nil && len(out) > models.MaxBodyBytes || err != nil && !errors.Is(err, errTooLarge) {
				t.Errorf("%d bytes became %d, with the error %v", len(body), len(out), err)
			}
			// Doubling buffers, and what is read on the way, take some times the limit; the bomb took 38 times its size at once.
			if most := uint64(32 * models.MaxBodyBytes); after.TotalAlloc-before.TotalAlloc > most {
				t.Errorf("%d bytes were allocated for a body of %d", after.TotalAlloc-before.TotalAlloc, len(body))
			}
		})
	}
}

// TestManyUnknownFields parses a megabyte of unknown fields: only as many are kept as the error lists.
func TestManyUnknownFields(t *testing.T) {
	var body strings.Builder
	body.WriteByte('{')
	for i := 0; body.Len() < models.MaxBodyBytes-20; i++ {
		fmt.Fprintf(&body, `"%x":0,`, i)
	}
	body.WriteString(`"text":7}`)
	_, err := Parse[models.MessageEdit]([]byte(body.String()))
	var refused *models.Error
	if !errors.As(err, &refused) || len(refused.Fields) != maxFieldErrors || refused.Fields[0].Field != "text" {
		t.Fatalf("the error is %v", err)
	}
	fields, unknown, ok := splitObject([]byte(body.String()), nil)
	if len(fields) != 0 || len(unknown) != maxFieldErrors || !ok {
		t.Errorf("%d fields and %d names were kept, %v", len(fields), len(unknown), ok)
	}
}

// TestNullIsLeftOut parses null as generated clients send it: as a field that is left out, and in a patch as one to clear.
func TestNullIsLeftOut(t *testing.T) {
	m, err := Parse[models.NewMessage]([]byte(`{"type":null,"text":"hi","file_ids":null,"reply_to":null,"client_id":null}`))
	if err != nil || m.Text != "hi" || m.ReplyTo != nil || m.FileIDs != nil {
		t.Errorf("a message with null in it is read as %+v, %v", m, err)
	}
	if _, err := Parse[models.ReadMark]([]byte(`{"message_id":null}`)); err == nil {
		t.Error("what is required may be null")
	}
	if _, err := Parse[models.NewMessage]([]byte(`{"text":"hi","unknown":null}`)); err == nil {
		t.Error("a field that is not known may be null")
	}
	change, err := parseBody[models.RoomChange]([]byte(`{"handle":null}`), true)
	if err != nil || change.Handle == nil || *change.Handle != "" || change.Name != nil {
		t.Errorf("a patch with null in it is read as %+v, %v", change, err)
	}
}
