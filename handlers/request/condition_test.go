package request

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestIfMatch reads the header as RFC 9110 writes it: a list may have empty places, and a weak tag matches nothing.
func TestIfMatch(t *testing.T) {
	if c, err := IfMatch(nil); err != nil || c.Given {
		t.Errorf("without the header: %+v, %v", c, err)
	}
	for header, want := range map[string][]string{
		`*`: nil, ` * `: nil, `"a"`: {`"a"`}, `"a","b"`: {`"a"`, `"b"`}, ` "a" , ,"b" ,`: {`"a"`, `"b"`},
		`W/"a"`: nil, `W/"a", "b"`: {`"b"`}, `""`: {`""`}, `"a,b"`: {`"a,b"`}, `"é"`: {`"é"`},
	} {
		c, err := IfMatch(&header)
		if err != nil || !c.Given || c.Any != strings.Contains(header, "*") || !slices.Equal(c.Tags, want) {
			t.Errorf("%s is read as %+v, %v", header, c, err)
		}
	}
	for _, header := range []string{
		"", " ", ",", "a", `"a`, `a"`, `"a" "b"`, `"a";"b"`, `w/"a"`, `W/`, `W/*`, `**`, `*,"a"`, `"a",*`, `"a b"`,
		"\"a\tb\"", strings.Repeat(`"a",`, maxTags+1),
	} {
		_, err := IfMatch(&header)
		if !errors.Is(err, &models.Error{Code: models.CodeInvalidRequest}) {
			t.Errorf("%q: %v", header, err)
		}
	}
}

// TestCondition compares tags as If-Match does.
func TestCondition(t *testing.T) {
	for _, c := range []struct {
		condition models.Condition
		holds     bool
	}{
		{models.Condition{}, true},
		{models.Condition{Given: true, Any: true}, true},
		{models.Condition{Given: true, Tags: []string{`"x"`, `"now"`}}, true},
		{models.Condition{Given: true, Tags: []string{`"x"`}}, false},
		{models.Condition{Given: true}, false}, // weak tags only
	} {
		if err := c.condition.Check(`"now"`); (err == nil) != c.holds {
			t.Errorf("%+v: %v", c.condition, err)
		}
	}
}
