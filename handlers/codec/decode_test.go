package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
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
	if !errors.As(err, &refused) || len(refused.Fields) != models.MaxFieldErrors || refused.Fields[0].Field != "text" {
		t.Fatalf("the error is %v", err)
	}
	fields, unknown, ok := splitObject([]byte(body.String()), nil)
	if len(fields) != 0 || len(unknown) != models.MaxFieldErrors || !ok {
		t.Errorf("%d fields and %d names were kept, %v", len(fields), len(unknown), ok)
	}
}

// TestFieldsIn reads the fields of objects, and compares them with those that a json.Decoder finds.
func TestFieldsIn(t *testing.T) {
	for _, object := range []string{
		`{}`, " {\n} ", `{"a":1}`, `{"a":1,"b":2}`, "{ \"a\" : -1.5e3 , \"b\"\t:true\r\n}\n", `{"a":null,"a":false}`,
		`{"a":{"b":[1,{"c":"}"}]},"d":[[],{}]}`, `{"a":"\\\"","\"b\":":"\\"}`, `{"\u0061\ud83d\ude00":"x,:"," ":[ 1 , 2 ]}`,
		`{"":""}`, `{"a":[],"b":{}}`, `{"ä":"ö"}`,
	} {
		var got, want []string
		for name, value := range fieldsIn([]byte(object)) {
			got = append(got, name, string(value))
		}
		d := json.NewDecoder(strings.NewReader(object))
		for _, _ = d.Token(); d.More(); {
			name, _ := d.Token()
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				t.Fatal(err)
			}
			want = append(want, name.(string), string(value))
		}
		if !isObject([]byte(object)) || !slices.Equal(got, want) {
			t.Errorf("%s has the fields %q, want %q", object, got, want)
		}
	}
}

// TestNullIsLeftOut parses null as generated clients send it: as a field that is left out, and in a patch as one to
// clear.
func TestNullIsLeftOut(t *testing.T) {
	m, err := Parse[models.NewMessage](
		[]byte(`{"type":null,"text":"hi","file_ids":null,"reply_to":null,"client_id":null}`),
	)
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

// TestParse parses bodies: the error says what is wrong with which field.
func TestParse(t *testing.T) {
	for body, want := range map[string]string{ // "" for valid
		`{"text":"hi"}`:                                "",
		"{\"text\":\"hi\"}\n":                          "",
		`{"te\u0078t":"hi"}`:                           "",
		"\t{ \"text\" :\t\"hi\" , \"reply_to\":7\n}\n": "",
		`{"text":"\\\"}{][,","file_ids":["]","}"]}`:    "",
		`{"x":{"text":[{"text":"}"}]},"text":7}`:       "text must be a string",
		`{"text":"no","text":"hi"}`:                    "text must be given once",
		`{"text":"hi","text":null}`:                    "text must be given once",
		``:                                             "malformed_body",
		`null`:                                         "malformed_body",
		`[]`:                                           "malformed_body",
		`{"text":"hi"`:                                 "malformed_body",
		`{"text":"hi"}x`:                               "malformed_body",
		`{"text":"hi"}{}`:                              "malformed_body",
		"{\"text\":\"\xff\"}":                          "malformed_body",
		`{"text":7}`:                                   "text must be a string",
		`{"text":"hi","reply_to":"7"}`:                 "reply_to must be a whole number",
		`{"text":"hi","file_ids":7}`:                   "file_ids must be a list of strings",
		`{"text":"hi","type":""}`:                      "type must not be empty; leave it out instead",
		`{"text":"hi","Text":"hi"}`:                    "Text is not known here",
		`{"text":"hi","` + long("x") + `":1}`:          long("x")[:64] + " is not known here",
	} {
		_, err := Parse[models.NewMessage]([]byte(body))
		got := ""
		var refused *models.Error
		if errors.As(err, &refused) {
			got = string(refused.Code)
			if len(refused.Fields) > 0 {
				got = refused.Fields[0].Field + " " + refused.Fields[0].Message
			}
		}
		if got != want {
			t.Errorf("%s: %q, wanted %q", body, got, want)
		}
	}
}

func long(s string) string { return strings.Repeat(s, 100) }

// TestMsgpackRoundTrip converts values to MessagePack and back.
func TestMsgpackRoundTrip(t *testing.T) {
	for _, value := range []string{
		`null`, `true`, `0`, `-1`, `127`, `128`, `-32768`, `9007199254740993`, `1.5`, `1e300`, `""`, `"é\u0000"`, `[]`, `{}`,
		`{"a":[1,{"b":null}],"c":"d"}`,
	} {
		packed, err := toMsgpack([]byte(value))
		if err != nil {
			t.Fatal(value, err)
		}
		back, err := fromMsgpack(packed)
		if err != nil || string(back) != value && value != `1e300` {
			t.Errorf("%s became %s, %v", value, back, err)
		}
	}
	for name, body := range map[string][]byte{
		"nothing": {}, "two values": {0xc0, 0xc0}, "a list that ends early": {0x92, 0xc0}, "bytes": {0xc4, 1, 0},
		"a number as a key": {0x81, 1, 1},
		"an extension":      {0xd4, 1, 1}, "not a number": {0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0}, "not UTF-8": {0xa1, 0xff},
		"no code":  {0xc1},
		"too deep": append(bytes.Repeat([]byte{0x91}, maxMsgpackDepth+1), 0xc0), "a list of billions": {0xdd, 0xff, 0xff,
			0xff, 0xff},
	} {
		if out, err := fromMsgpack(body); err == nil {
			t.Errorf("%s became %s", name, out)
		}
	}
}
