package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/models"
)

// MessagePack bodies are converted to JSON when they are read, and responses to MessagePack when they are written. So
// both encodings have the same fields, rules and problems by construction, and the rest of the program knows JSON
// alone.

// maxMsgpackDepth bounds how deeply values nest. The API uses 3 levels, and each level costs stack.
const maxMsgpackDepth = 32

// conversions has a slot for each core: a large response needs ten times its size while it is converted, and more at
// once would not be finished sooner.
var conversions = make(chan struct{}, runtime.GOMAXPROCS(0))

// toMsgpack converts a JSON value to MessagePack. Integers take their shortest form; keys are sorted.
func toMsgpack(body []byte) ([]byte, error) {
	if len(body) > limit.SmallBody {
		conversions <- struct{}{}
		defer func() { <-conversions }()
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	err := pack(msgpack.NewEncoder(&packed), value)
	return packed.Bytes(), err
}

func pack(e *msgpack.Encoder, value any) error {
	switch v := value.(type) {
	case map[string]any:
		err := e.EncodeMapLen(len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			err = errors.Join(err, e.EncodeString(key), pack(e, v[key]))
		}
		return err
	case []any:
		err := e.EncodeArrayLen(len(v))
		for _, item := range v {
			err = errors.Join(err, pack(e, item))
		}
		return err
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return e.EncodeInt(n)
		}
		f, err := v.Float64()
		return errors.Join(err, e.EncodeFloat64(f))
	default: // a string, true, false or nil
		return e.Encode(v)
	}
}

// fromMsgpack converts the one MessagePack value of body to JSON. It reads item by item and allocates nothing by the
// sizes that the body declares: a few bytes can declare nested lists of billions.
func fromMsgpack(body []byte) ([]byte, error) {
	rest := bytes.NewReader(body)
	u := unpacker{in: msgpack.NewDecoder(rest)}
	if err := u.value(0); err != nil {
		return nil, err
	}
	if rest.Len() > 0 {
		return nil, errors.New("something follows the value")
	}
	return u.out.Bytes(), nil
}

// errTooLarge means that a body is within the limit in MessagePack, but not in JSON.
var errTooLarge = errors.New("it is larger than a body in JSON may be")

// unpacker converts one value.
type unpacker struct {
	in  *msgpack.Decoder
	out bytes.Buffer // exceeds the limit of a body by at most one value
}

func (u *unpacker) value(depth int) error {
	code, err := u.in.PeekCode()
	switch {
	case err != nil:
		return err
	case u.out.Len() > models.MaxBodyBytes:
		return errTooLarge
	case depth > maxMsgpackDepth:
		return fmt.Errorf("it is more than %d levels deep", maxMsgpackDepth)
	case msgpcode.IsFixedMap(code), code == msgpcode.Map16, code == msgpcode.Map32:
		return u.object(depth)
	case msgpcode.IsFixedArray(code), code == msgpcode.Array16, code == msgpcode.Array32:
		return u.list(depth)
	case msgpcode.IsString(code):
		return u.text()
	case msgpcode.IsBin(code), msgpcode.IsExt(code):
		return errors.New("binary and extension types are not supported; texts and times are strings")
	}
	return u.scalar(code)
}

func (u *unpacker) object(depth int) error {
	n, err := u.in.DecodeMapLen()
	u.out.WriteByte('{')
	for i := 0; err == nil && i < n; i++ {
		if i > 0 {
			u.out.WriteByte(',')
		}
		var code byte
		if code, err = u.in.PeekCode(); err == nil && !msgpcode.IsString(code) {
			err = errors.New("a key is not a string")
		}
		if err == nil {
			err = u.text()
		}
		u.out.WriteByte(':')
		if err == nil {
			err = u.value(depth + 1)
		}
	}
	u.out.WriteByte('}')
	return err
}

func (u *unpacker) list(depth int) error {
	n, err := u.in.DecodeArrayLen()
	u.out.WriteByte('[')
	for i := 0; err == nil && i < n; i++ {
		if i > 0 {
			u.out.WriteByte(',')
		}
		err = u.value(depth + 1)
	}
	u.out.WriteByte(']')
	return err
}

func (u *unpacker) text() error {
	s, err := u.in.DecodeString()
	if err != nil {
		return err
	}
	if !utf8.ValidString(s) {
		return errors.New("a string is not valid UTF-8")
	}
	quoted, err := json.Marshal(s)
	u.out.Write(quoted)
	return err
}

// scalar converts a number, true, false or nil. A floating-point number without a fraction becomes an integer, since
// some languages have no others.
func (u *unpacker) scalar(code byte) error {
	value, err := u.in.DecodeInterface()
	switch v := value.(type) {
	case nil:
		u.out.WriteString("null")
	case float32, float64:
		err = errors.Join(err, u.float(v))
	case bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		fmt.Fprint(&u.out, v)
	default:
		return fmt.Errorf("the byte %#x is not the start of a value", code)
	}
	return err
}

// float writes a number as encoding/json does: with an exponent if it would be long without.
func (u *unpacker) float(f any) error {
	b, err := json.Marshal(f)
	if err != nil {
		return errors.New("a number is not finite")
	}
	u.out.Write(b)
	return nil
}
