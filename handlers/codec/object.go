package codec

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
)

// spaces is the white space of JSON.
const spaces = " \t\r\n"

// isObject reports whether a body is exactly one valid JSON object.
func isObject(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(body, spaces), []byte("{")) && json.Valid(body)
}

// fieldsIn returns the names and values of an object, in their order. Since the object is valid, only the ends of its
// parts have to be found. A json.Decoder takes several allocations for each of them.
func fieldsIn(object []byte) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		rest := bytes.TrimLeft(object, spaces)[1:] // without the brace
		for {
			name, afterName := cutValue(bytes.TrimLeft(rest, spaces+","))
			if len(name) == 0 {
				return // at the object's end
			}
			value, afterValue := cutValue(bytes.TrimLeft(afterName, spaces+":"))
			if !yield(unquote(name), value) {
				return
			}
			rest = afterValue
		}
	}
}

// cutValue cuts the first value off valid JSON. The value is empty where an object or a list ends.
func cutValue(s []byte) (value, rest []byte) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += stringEnd(s[i:])
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return s[:i], s[i:] // the end of what the value is in
			}
			depth--
		default:
			if depth == 0 && strings.IndexByte(spaces+",", s[i]) >= 0 {
				return s[:i], s[i:] // the end of a number or a word
			}
			continue
		}
		if depth == 0 {
			return s[:i+1], s[i+1:]
		}
	}
	return s, nil
}

// stringEnd returns the place of the quote that ends a string.
func stringEnd(s []byte) int {
	end := 1
	for s[end] != '"' {
		if s[end] == '\\' {
			end++
		}
		end++
	}
	return end
}

// unquote returns the text of a valid string.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return text
}
