package api_test

import (
	"regexp"
	"testing"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

// namePatterns are the patterns of the names in bodies, each with what stands before a name there. A pattern says of
// ASCII what the server does; it leaves other letters to the server, because not all languages have the classes of
// Unicode in their regular expressions. It has no escapes, which generators get wrong.
var namePatterns = []struct {
	schema, field, before string
	empty                 bool // whether the field may be empty
}{
	{schema: "NewUser", field: "username"},
	{schema: "NewRoom", field: "handle"},
	{schema: "RoomChange", field: "handle", empty: true},
	{schema: "TargetedMessage", field: "target", before: "#"},
	{schema: "TargetedMessage", field: "target", before: "@"},
}

// TestPatternsOfNamesRefuseNothingValid compares each pattern with the server's rule. They are the same for names of
// printable ASCII. With any other character, the server may refuse what the pattern lets through, but not the reverse.
func TestPatternsOfNamesRefuseNothingValid(t *testing.T) {
	contract, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	patterns := make([]*regexp.Regexp, len(namePatterns))
	for i, p := range namePatterns {
		patterns[i] = regexp.MustCompile(contract.Components.Schemas[p.schema].Value.Properties[p.field].Value.Pattern)
		if patterns[i].MatchString(p.before) != p.empty {
			t.Errorf("%s.%s: %q is valid: %t; the pattern %s says the reverse",
				p.schema, p.field, p.before, p.empty, patterns[i])
		}
	}
	compare := func(name string, both bool) {
		_, valid := models.NameKey(name, models.MaxUsernameLength)
		for i, p := range namePatterns {
			if matches := patterns[i].MatchString(p.before + name); matches != valid && (valid || both) {
				t.Errorf("%s.%s: %q is valid: %t; the pattern %s says the reverse",
					p.schema, p.field, p.before+name, valid, patterns[i])
			}
		}
	}
	for a := ' '; a <= '~'; a++ {
		for b := ' '; b <= '~'; b++ {
			compare(string([]rune{a, b}), true)
			compare(string([]rune{'x', a, b}), true)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.In(r, unicode.L, unicode.M, unicode.N) {
			compare(string([]rune{r, r}), false)
			compare(string([]rune{'x', r}), false)
		}
	}
}
