package request

import (
	"strings"

	"github.com/parley-chat/parley/models"
)

// maxTags bounds the tags of one If-Match.
const maxTags = 100

// IfMatch returns the condition of a request with this If-Match (RFC 9110, section 13.1.1); nil is a request without.
func IfMatch(header *string) (models.Condition, error) {
	if header == nil {
		return models.Condition{}, nil
	}
	value := strings.Trim(*header, " \t,")
	if value == "*" {
		return models.Condition{Given: true, Any: true}, nil
	}
	c := models.Condition{Given: true}
	for n := 0; n == 0 || value != ""; n++ {
		tag, weak, rest, ok := cutTag(value)
		if !ok || n == maxTags {
			return c, models.Invalid("If-Match", `must be * or up to %d ETags in double quotes, separated by commas`, maxTags)
		}
		if !weak {
			c.Tags = append(c.Tags, tag)
		}
		value = rest
	}
	return c, nil
}

// cutTag cuts the first entity tag from a list of them, which may have empty places.
func cutTag(list string) (tag string, weak bool, rest string, ok bool) {
	list, weak = strings.CutPrefix(list, "W/")
	if !strings.HasPrefix(list, `"`) {
		return "", false, "", false
	}
	end := strings.IndexByte(list[1:], '"')
	if end < 0 {
		return "", false, "", false
	}
	tag, rest = list[:end+2], strings.TrimLeft(list[end+2:], " \t")
	if rest != "" && rest[0] != ',' || strings.ContainsFunc(tag, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return "", false, "", false
	}
	return tag, weak, strings.TrimLeft(rest, ", \t"), true
}
