package api

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestProblemTypesLeadToTheirPage follows the type of a problem to the page about it, which has a section for each code
// of the contract, with each status of it, and no other section.
func TestProblemTypesLeadToTheirPage(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "problems", Run: func(t *testing.T, c *harness.Client) {
		p := c.Call("GET", "/v1/rooms", nil).ExpectProblem(401, models.CodeUnauthenticated)
		path, anchor, found := strings.Cut(p.Type, "#")
		if !found || anchor != string(p.Code) {
			t.Fatalf("got the type %q", p.Type)
		}
		page := c.Send("GET", path, nil).ExpectStatus(200)
		if got := page.Header("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("the page has the Content-Type %q", got)
		}
		var sections []string
		statuses := map[string]string{}
		for _, m := range regexp.MustCompile(`(?s)<section id="([^"]*)">.*?<small>(.*?)</small>`).
			FindAllStringSubmatch(string(page.Body), -1) {
			sections = append(sections, m[1])
			statuses[m[1]] = m[2]
		}
		var codes []string
		known, _ := harness.Document().Components.Schemas["ErrorCode"].Value.Extensions["x-extensible-enum"].([]any)
		for _, code := range known {
			codes = append(codes, fmt.Sprint(code))
		}
		slices.Sort(sections)
		slices.Sort(codes)
		if len(codes) == 0 || !slices.Equal(sections, codes) {
			t.Errorf("the page has the sections %q\nthe contract the codes %q", sections, codes)
		}
		for code, status := range harness.StatusByCode {
			if !strings.HasPrefix(statuses[string(code)], fmt.Sprint(status)) {
				t.Errorf("the section %s has the statuses %q, not %d", code, statuses[string(code)], status)
			}
		}
		for _, link := range regexp.MustCompile(`href="(/[^"]*)"`).FindAllStringSubmatch(string(page.Body), -1) {
			c.Send("GET", link[1], nil).ExpectStatus(200)
		}
	}}})
}
