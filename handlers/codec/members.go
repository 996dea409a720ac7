package codec

import (
	"bytes"
	"encoding/json"
	"iter"
)

// membersOf returns the names of an object, with their quotes, and their values as they are. It reports false for any
// other value. body is valid JSON: so the end of a value is found by its brackets and quotes alone, without the state
// that a decoder keeps.
func membersOf(body []byte) (members iter.Seq2[[]byte, json.RawMessage], ok bool) {
	rest := skipSpace(body)
	if rest[0] != '{' {
		return nil, false
	}
	return func(yield func([]byte, json.RawMessage) bool) {
		for rest := skipSpace(rest[1:]); rest[0] != '}'; {
			end := stringEnd(rest)
			name := rest[:end]
			rest = skipSpace(skipSpace(rest[end:])[1:]) // the colon
			end = valueEnd(rest)
			if !yield(name, json.RawMessage(rest[:end:end])) {
				return
			}
			if rest = skipSpace(rest[end:]); rest[0] == ',' {
				rest = skipSpace(rest[1:])
			}
		}
	}, true
}

func skipSpace(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// stringEnd returns the length of the string that b begins with.
func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// valueEnd returns the length of the value that b begins with. Something follows it: at least the end of its object.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch b[i] {
		case '"':
			i += stringEnd(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of the object around a number or a word
			}
			depth--
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// nameOf returns a name without its quotes and escapes.
func nameOf(quoted []byte) (name string) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	_ = json.Unmarshal(quoted, &name) // it is valid
	return name
}
